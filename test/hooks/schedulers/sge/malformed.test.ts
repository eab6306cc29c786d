import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { systemClock } from '../../../../src/base/clock.ts'
import type { Host } from '../../../../src/base/host.ts'
import { SgeClient } from '../../../../src/hooks/schedulers/sge/client.ts'
import { jobsOf } from '../../../../src/hooks/schedulers/sge/demand.ts'
import { parseDetails } from '../../../../src/hooks/schedulers/sge/details.ts'
import { parseQstat } from '../../../../src/hooks/schedulers/sge/qstat.ts'
import { wishOf } from '../../../../src/hooks/schedulers/sge/request.ts'
import { sample } from './sample.ts'

const malformed = { code: 'MalformedOutput' }

const documents = [
  { name: 'qstat -f', text: sample('qstat-f-r-ext-explain.xml'), parse: parseQstat },
  { name: 'qstat -j', text: sample('qstat-j-all.xml'), parse: parseDetails },
] as const

for (const { name, text, parse } of documents) {
  suite(`${name} is not taken for what it is not`, () => {
    test('cut anywhere', () => {
      const whole = text.trimEnd().length
      for (let length = 0; length < whole; length += length < 2000 ? 1 : 61) {
        assert.throws(() => parse(text.slice(0, length)), malformed, `the first ${length} characters`)
      }
    })

    test('with a piece missing', () => {
      for (let at = 200; at + 40 < text.length; at += 997) {
        const rest = text.slice(0, at) + text.slice(text.indexOf('<', at + 20))
        if (isSameShape(rest)) continue
        assert.throws(() => parse(rest), malformed, `without what is at ${at}`)
      }
    })

    test('with a line in front or behind, or twice', () => {
      for (const wrong of [
        `Warning: no such cell\n${text}`,
        `\n${text}`,
        `${text}error: commlib`,
        `${text}${text}`,
        `﻿${text}`,
      ]) {
        assert.throws(() => parse(wrong), malformed)
      }
    })

    test('in another encoding', () => {
      const bytes = Buffer.from(text, 'utf16le')
      assert.throws(() => parse(bytes.toString('utf8')), malformed)
      assert.throws(() => parse(bytes.toString('latin1')), malformed)
      assert.throws(() => parse(text.replace('alice', 'ali\0ce')), malformed)
    })

    test('another document', () => {
      assert.throws(() => parse(''), malformed)
      assert.throws(() => parse('{}'), malformed)
      assert.throws(() => parse("<?xml version='1.0'?>\n<detailed_jobs></detailed_jobs>"), malformed)
      assert.throws(() => parse("<?xml version='1.0'?>\n<qhost></qhost>"), malformed)
    })
  })
}

/** Elements may be left out and leave a document that is as good. */
function isSameShape(text: string): boolean {
  const open: string[] = []
  for (const [, closing, name = ''] of text.matchAll(/<(\/?)([\w-]+)[^>]*>/g)) {
    if (closing === '') open.push(name)
    else if (open.pop() !== name) return false
  }
  return open.length === 0
}

test('a list of jobs without one of its parts is none', () => {
  for (const part of ['', '<queue_info></queue_info>', '<job_info></job_info>']) {
    assert.throws(() => parseQstat(`<?xml version='1.0'?>\n<job_info>${part}</job_info>`), malformed, part)
  }
})

test('times are in UTC, wherever we are', () => {
  const before = process.env['TZ']
  process.env['TZ'] = 'America/New_York'
  try {
    const [first] = parseQstat(sample('qstat-all.xml')).entries
    assert.equal(first?.startedAtMs, Date.UTC(2026, 10, 22, 15, 1, 4))
  } finally {
    if (before === undefined) delete process.env['TZ']
    else process.env['TZ'] = before
  }
})

suite('values that are none', () => {
  const text = sample('qstat-f-r-ext-explain.xml')
  for (const [what, from, to] of [
    ['a state of a job', '<state>qw</state>', '<state>q?</state>'],
    ['no state of a job', '<state>qw</state>', ''],
    ['a state of a queue', '<state>u</state>', '<state>xyz</state>'],
    ['a number of slots', '<slots>64</slots>', '<slots>many</slots>'],
    ['elements', '<tasks>3-8:1</tasks>', '<tasks>3-8:1 ...</tasks>'],
    ['a number of a job', '<JB_job_number>28</JB_job_number>', '<JB_job_number></JB_job_number>'],
    ['a queue', '<name>all.q@g3</name>', '<name>all.q</name>'],
    ['a host', '<name>all.q@g3</name>', '<name>all.q@g3 g4</name>'],
    ['an owner', '<JB_owner>alice</JB_owner>', '<JB_owner></JB_owner>'],
  ] as const) {
    test(what, () => {
      assert.ok(text.includes(from))
      assert.throws(() => parseQstat(text.replace(from, to)), malformed)
    })
  }

  test('letters of a state that mean nothing here', () => {
    for (const [from, to] of [
      ['<state>qw</state>', '<state>qx</state>'],
      ['<state>r</state>', '<state>y</state>'],
      ['<state>r</state>', '<state>d</state>'],
    ] as const) {
      const { entries } = parseQstat(text.replace(from, to))
      const context = {
        nowMs: 0,
        queue: 'all.q',
        details: new Map(),
        wishOf: (entry: (typeof entries)[number]) => wishOf(entry, new Map(), () => null, 'all.q'),
        isConfined: () => false,
      }
      assert.throws(() => jobsOf(entries, context), malformed)
    }
  })
})

suite('what the commands say', () => {
  const client = (answer: { code?: number; stdout?: string; stderr?: string }) => {
    const host: Host = {
      name: 'head',
      exec: () => Promise.resolve({ code: 0, stdout: '', stderr: '', ...answer }),
      close: () => Promise.resolve(),
    }
    return new SgeClient({
      host,
      clock: systemClock,
      root: '/sge',
      cell: 'default',
      port: 6444,
      execdPort: 6445,
      queue: 'all.q',
      hostGroup: '@elastic',
      parallel: [],
    })
  }

  test('more than could be the queue is not read', async () => {
    const padded = sample('qstat-f-r-ext-explain.xml') + ' '.repeat(100 * 2 ** 20)
    assert.ok(parseQstat(padded).entries.length > 0, 'it is nothing but too long')
    await assert.rejects(client({ stdout: padded }).queue(), malformed)
  })

  test('nothing, with success, is no empty queue', async () => {
    await assert.rejects(client({}).queue(), malformed)
  })

  test('the master is away', async () => {
    const stderr =
      'error: commlib error: got select error (Connection refused)\nerror: unable to send message to qmaster using port 6444 on host "head": got send error\n'
    await assert.rejects(client({ code: 1, stderr }).queue(), { code: 'SchedulerUnreachable' })
    await assert.rejects(client({ code: 0, stderr }).attempt(['qdel', '1']), { code: 'SchedulerUnreachable' })
  })

  test('the master refuses', async () => {
    const refused = client({ code: 1, stderr: 'denied: "bob" must be manager for this operation\n' })
    await assert.rejects(refused.run(['qconf', '-ah', 'x']), { code: 'CommandFailed', message: /must be manager/ })
  })

  test('a list of nothing is empty, a list that is refused is not', async () => {
    const stdout = 'no parallel environment defined\n'
    assert.deepEqual(await client({ code: 1, stdout }).list('-spl'), [])
    await assert.rejects(client({ code: 1, stderr: 'denied\n' }).list('-spl'), { code: 'CommandFailed' })
  })
})
