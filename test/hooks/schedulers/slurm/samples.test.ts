import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { systemClock } from '../../../../src/base/clock.ts'
import { CausewayError } from '../../../../src/base/errors.ts'
import type { Host } from '../../../../src/base/host.ts'
import { SlurmScheduler } from '../../../../src/hooks/schedulers/slurm/scheduler.ts'
import { parseSinfo } from '../../../../src/hooks/schedulers/slurm/sinfo.ts'
import { parseSqueue } from '../../../../src/hooks/schedulers/slurm/squeue.ts'
import { LocalHost } from '../../../../src/sites/local-host.ts'

const folder = new URL('samples/', import.meta.url)
const recorded = readdirSync(folder).filter((file) => file.endsWith('.json.gz'))
const sample = (name: string) => gunzipSync(readFileSync(new URL(name, folder))).toString('utf8')

/** When the samples were recorded, ms. */
const takenMs = (name: string) => 1_795_361_112_000 + (name.startsWith('b-') ? 75_000 : 0)

const parse = (name: string, text: string): readonly object[] =>
  /squeue|jobs/.test(name) ? parseSqueue(text, takenMs(name)) : parseSinfo(text)

suite('the recorded samples', () => {
  for (const name of recorded) {
    test(`${name} gives the reviewed demand`, () => {
      const records = parse(name, sample(name)).map((record) => JSON.stringify(record))
      const found = `[\n${records.join(',\n')}\n]\n`
      const golden = new URL(`golden/${name.replace(/json\.gz$/, 'txt')}`, import.meta.url)
      // Run with UPDATE_GOLDEN=1 to write them anew, and review the difference.
      if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(golden, found)
      assert.equal(found, readFileSync(golden, 'utf8'))
    })
  }

  test('slurmrestd says what the commands say', () => {
    const same = (one: string, other: string) => assert.deepEqual(parse(one, sample(one)), parse(other, sample(other)))
    same('a-squeue.json.gz', 'a-rest-jobs.json.gz')
    same('a-sinfo.json.gz', 'a-rest-nodes.json.gz')
    same('b-sinfo.json.gz', 'b-rest-nodes.json.gz')
  })
})

suite('output that is not what Slurm promises', () => {
  const refused = (name: string, text: string, what: string) => {
    try {
      parse(name, text)
    } catch (error) {
      assert.ok(error instanceof CausewayError && error.code === 'MalformedOutput', `${what}: ${String(error)}`)
      return
    }
    assert.fail(`${name}, ${what}: was read`)
  }
  for (const name of recorded.filter((file) => file.startsWith('a-'))) {
    test(`${name}, cut anywhere, spoiled or with something in front of it, is not read`, () => {
      const text = sample(name).trimEnd()
      const step = Math.max(1, Math.floor(text.length / 400))
      for (let at = 0; at < text.length; at += step) refused(name, text.slice(0, at), `cut at ${at}`)
      refused(name, text.slice(0, -1), 'cut before its end')
      refused(name, `slurm_load_jobs: warning: x\n${text}`, 'a line before it')
      refused(name, `${text}\n${text}`, 'twice')
      refused(name, Buffer.from(text, 'utf16le').toString('utf8'), 'UTF-16')
      refused(name, Buffer.from(text).toString('base64'), 'base64')
      refused(name, text.replaceAll('"', "'"), 'other quotes')
      refused(name, text.replace(/"(job_state|state)": "[A-Za-z]+"/, '"$1": "DANCING"'), 'an unknown state')
    })
  }

  test('letters of another encoding in a text that users write keep nobody from reading the queue', () => {
    const document = JSON.parse(sample('a-squeue.json.gz'))
    document.jobs[0].name = 'caf\u00e9'
    const [job] = parseSqueue(Buffer.from(JSON.stringify(document), 'latin1').toString('utf8'), 0)
    assert.equal(job?.name, 'caf\ufffd')
  })

  test('100 MB are given up, and slurmrestd is named as the way out', async () => {
    const local = new LocalHost()
    const endless: Host = {
      name: 'head',
      exec: (argv, options) =>
        argv.includes('squeue')
          ? local.exec(['head', '--bytes=100000000', '/dev/zero'], options)
          : Promise.resolve({ code: 0, stdout: '{"nodes":[]}', stderr: '' }),
      close: () => local.close(),
    }
    const scheduler = new SlurmScheduler({ host: endless, conf: '/x', clock: systemClock })
    await assert.rejects(scheduler.snapshot(), { code: 'MalformedOutput', message: /67108864 bytes.*scheduler\.rest/ })
    await endless.close()
  })
})
