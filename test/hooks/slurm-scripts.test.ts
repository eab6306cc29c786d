import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { HookScriptRig, hookScript } from './hook-script-rig.ts'

const resumeFile = fileURLToPath(new URL('schedulers/slurm/samples/resume-file.txt', import.meta.url))

suite("slurmctld's programs", () => {
  let rig: HookScriptRig
  let folder: string
  beforeEach(() => {
    rig = new HookScriptRig()
    folder = rig.folder
  })
  afterEach(() => rig.cleanUp())

  test('resume tells names and jobs', async () => {
    await rig.serve()
    const { code, stderr } = await rig.run('slurm/resume', ['sn[1-2],east-4'], { SLURM_RESUME_FILE: resumeFile })
    assert.deepEqual([code, stderr], [0, ''])
    const resume = JSON.parse(readFileSync(resumeFile, 'utf8'))
    assert.deepEqual(rig.posted, [{ url: '/v1/hooks/slurm/resume', body: { nodes: 'sn[1-2],east-4', resume } }])
    assert.equal(rig.requests[0]?.type, 'application/json')
  })

  for (const event of ['resume', 'suspend', 'resume-fail']) {
    test(`${event} without a resume file tells the names`, async () => {
      await rig.serve()
      assert.equal((await rig.run(`slurm/${event}`, ['east-[1-3]'])).code, 0)
      assert.deepEqual(rig.posted, [{ url: `/v1/hooks/slurm/${event}`, body: { nodes: 'east-[1-3]' } }])
    })
  }

  test('a resume file that is missing or is no object is left out', async () => {
    await rig.serve()
    const broken = join(folder, 'broken')
    writeFileSync(broken, '{"jobs":[')
    for (const file of [broken, join(folder, 'missing'), folder]) {
      assert.equal((await rig.run('slurm/resume', ['east-1'], { SLURM_RESUME_FILE: file })).code, 0)
    }
    assert.deepEqual(
      rig.posted.map(({ body }) => body),
      [{ nodes: 'east-1' }, { nodes: 'east-1' }, { nodes: 'east-1' }],
    )
  })

  test('the epilog tells the job', async () => {
    await rig.serve()
    assert.equal((await rig.run('slurm/epilog-slurmctld', [], { SLURM_JOB_ID: '42' })).code, 0)
    assert.deepEqual(rig.posted, [{ url: '/v1/hooks/slurm/epilog', body: { jobs: ['42'] } }])
  })

  test('what is no hostlist is not sent', async () => {
    await rig.serve()
    for (const nodes of ['a"b', 'a b', 'a\\', 'a{', '$(id)', 'a\nb']) {
      const { code, stderr } = await rig.run('slurm/resume', [nodes])
      assert.equal(code, 0)
      assert.match(stderr, /unexpected argument/)
    }
    assert.deepEqual(rig.requests, [])
  })

  test('an absent controller is no failure', async () => {
    const { code, stderr } = await rig.run('slurm/resume', ['east-1'])
    assert.equal(code, 0)
    assert.match(stderr, /kept for later/)
    assert.deepEqual(rig.kept[0]?.where, 'slurm/resume')
  })

  suite('the prolog', () => {
    /** Slurm's commands as scripts: each prints the next line of its list, the last one for ever. */
    function fakeSlurm(answers: { sinfo: readonly string[]; squeue?: readonly string[] }): string {
      const script = readFileSync(hookScript('slurm/prolog-slurmctld'), 'utf8').replace(/^PATH=/m, `PATH=${folder}:`)
      const place = join(folder, 'prolog')
      writeFileSync(place, script, { mode: 0o755 })
      for (const [name, list] of Object.entries({ squeue: ['<7 CONFIGURING>'], ...answers })) {
        writeFileSync(join(folder, `${name}.answers`), `${list.join('\n')}\n`)
        const next = `#!/bin/sh\necho >>${folder}/${name}.calls\nn=$(wc -l <${folder}/${name}.calls)\n`
        const line = `line=$(sed -n "\${n}p" ${folder}/${name}.answers)\n[ -n "$line" ] || line=$(tail -n 1 ${folder}/${name}.answers)\n`
        const print = `[ "$line" = nothing ] || echo "$line"\n`
        writeFileSync(join(folder, name), next + line + print, { mode: 0o755 })
      }
      return place
    }
    const calls = (name: string) => readFileSync(join(folder, `${name}.calls`), 'utf8').length
    const runProlog = (
      place: string,
      env: Record<string, string> = { SLURM_JOB_ID: '7', SLURM_JOB_NODELIST: 'east-[1-2]' },
    ) =>
      new Promise<number | null>((resolve) => {
        spawn(place, [], { env, cwd: '/', stdio: 'ignore' }).once('close', resolve)
      })

    test('returns when the last node answers', async () => {
      const place = fakeSlurm({ sinfo: ['allocated#', 'mixed*', 'allocated~', 'allocated'] })
      assert.equal(await runProlog(place), 0)
      assert.equal(calls('sinfo'), 4)
    })

    test('gives up when a node is down', async () => {
      const place = fakeSlurm({ sinfo: ['allocated#', 'down~'] })
      assert.equal(await runProlog(place), 0)
      assert.equal(calls('sinfo'), 2)
    })

    test('gives up when the job no longer waits', async () => {
      const place = fakeSlurm({ sinfo: ['idle#'], squeue: ['<7 CONFIGURING>', '<7 PENDING>'] })
      assert.equal(await runProlog(place), 0)
      assert.equal(calls('squeue'), 2)
    })

    test('goes on while slurmctld does not answer', async () => {
      const place = fakeSlurm({ sinfo: ['allocated#', 'nothing', 'allocated'] })
      assert.equal(await runProlog(place), 0)
      assert.equal(calls('sinfo'), 3)
    })

    test('does nothing where there is no job', async () => {
      const place = fakeSlurm({ sinfo: ['allocated#'] })
      assert.equal(await runProlog(place, {}), 0)
    })
  })
})
