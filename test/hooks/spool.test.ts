import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { silentLog } from '../../src/base/log.ts'
import { Spool, type SpoolOptions } from '../../src/hooks/spool.ts'

suite('the spool', () => {
  let root: string
  let folder: string
  let taken: string[]
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'causeway-spool-'))
    folder = join(root, 'deep', 'hooks')
    taken = []
  })
  afterEach(() => rmSync(root, { recursive: true, force: true }))

  const spool = (more: Partial<SpoolOptions> = {}) =>
    new Spool({
      folder,
      group: null,
      take: async (where, body) => {
        taken.push(`${where} ${body.trim()}`)
        return 'taken'
      },
      recorded: async () => undefined,
      count: () => undefined,
      clock: { now: () => Date.now(), sleep: async () => undefined },
      log: silentLog,
      ...more,
    })
  const put = (name: string, text: string) => {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, name), text)
  }

  test('its folder is made for its owner, or for the group', async () => {
    await spool().deliver()
    assert.equal(statSync(folder).mode & 0o7777, 0o700)
    // A script that root ran has made it: the scheduler's user must get in.
    await spool({ group: 1 }).deliver()
    assert.deepEqual([statSync(folder).mode & 0o7777, statSync(folder).gid], [0o2770, 1])
  })

  test('a folder that anybody may write to, and a link to a folder, are not read', async () => {
    put('1.event', 'slurm/epilog\n{}')
    chmodSync(folder, 0o777)
    await assert.rejects(spool().deliver(), { code: 'InvalidConfig', message: /anybody may write/ })
    chmodSync(folder, 0o700)
    symlinkSync(folder, join(root, 'link'))
    await assert.rejects(spool({ folder: join(root, 'link') }).deliver(), { code: 'InvalidConfig' })
    assert.deepEqual(taken, [])
  })

  test('events are taken in the order of their names, and removed once they are recorded', async () => {
    put('2.event', 'slurm/epilog\n{"second":2}\n')
    put('1.event', 'slurm/epilog\n{"first":1}\n')
    put('other', 'slurm/epilog\n{}')
    let thereWhenRecorded: string[] = []
    const recorded = async () => {
      thereWhenRecorded = readdirSync(folder).sort()
    }
    assert.equal(await spool({ recorded }).deliver(), 2)
    assert.deepEqual(taken, ['slurm/epilog {"first":1}', 'slurm/epilog {"second":2}'])
    assert.deepEqual(thereWhenRecorded, ['1.event', '2.event', 'other'])
    assert.deepEqual(readdirSync(folder), ['other'])
  })

  test('what was not recorded stays', async () => {
    put('1.event', 'slurm/epilog\n{}')
    await assert.rejects(spool({ recorded: () => Promise.reject(new Error('no')) }).deliver())
    assert.deepEqual(readdirSync(folder), ['1.event'])
  })

  test('nothing overtakes an event that can not be taken now', async () => {
    for (const name of ['1.event', '2.event', '3.event']) put(name, `slurm/epilog\n{"name":"${name}"}`)
    let waiting: number[] = []
    const take = async (_where: string, body: string) => (body.includes('2.event') ? 'later' : 'taken')
    await spool({
      take,
      count: (...counted) => {
        waiting = counted
      },
    }).deliver()
    assert.deepEqual(
      [readdirSync(folder), waiting],
      [
        ['2.event', '3.event'],
        [2, 62],
      ],
    )
  })

  test('what is no event is removed without being taken; links and folders are left alone', async () => {
    const secret = join(root, 'secret')
    writeFileSync(secret, 'slurm/epilog\n{"secret":1}')
    put('1.event', '../../v1/status\n{}')
    put('2.event', 'no line')
    put('3.event', `slurm/epilog\n${'x'.repeat(1024 * 1024)}`)
    put('4.event', '')
    symlinkSync(secret, join(folder, '5.event'))
    mkdirSync(join(folder, '6.event'))
    await spool().deliver()
    assert.deepEqual(taken, [])
    assert.deepEqual(readdirSync(folder).sort(), ['5.event', '6.event'])
    assert.ok(existsSync(secret))
  })

  test('a draft that a killed script left is removed in the end', async () => {
    put('.a.draft', '')
    put('.b.draft', '')
    utimesSync(join(folder, '.a.draft'), 1, 1)
    await spool().deliver()
    assert.deepEqual(readdirSync(folder), ['.b.draft'])
  })

  test('a folder that can not be read is tried again, and stopping ends that', async () => {
    put('1.event', 'slurm/epilog\n{}')
    chmodSync(folder, 0o777)
    let looks = 0
    const running = spool({
      clock: {
        now: () => 0,
        sleep: async () => {
          looks += 1
          if (looks === 3) chmodSync(folder, 0o700)
          await new Promise((resolve) => setImmediate(resolve))
        },
      },
    })
    running.start()
    const end = Date.now() + 120_000
    while (taken.length === 0 && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 5))
    await running.stop()
    assert.deepEqual(taken, ['slurm/epilog {}'])
  })
})
