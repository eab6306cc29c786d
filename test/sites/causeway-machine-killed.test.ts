import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Host } from '../../src/base/host.ts'
import { NamespaceDriver } from '../../src/sites/namespace-driver.ts'
import { machineSpec } from '../support/machine-spec.ts'
import { machineRemains, ScratchSite } from '../support/scratch-site.ts'

/**
 * Bash reads this before the script (BASH_ENV): the process that runs the command named in VICTIM kills itself before
 * its simple command number KILL_AT. (The init of a namespace cannot kill itself; it exits.)
 */
const killer = `
mapfile -d '' -t words </proc/self/cmdline
[[ \${words[3]-} == "$VICTIM" ]] || return 0
commands=0
set -o functrace
trap '(( ++commands == KILL_AT )) && { touch /mnt/killed; kill -KILL $$; exit 137; }' DEBUG
`

/** Every how many commands to try; 1 is exhaustive (minutes). */
const stride = Number(process.env.KILL_STRIDE ?? 11)

describe('causeway-machine, killed at any line', () => {
  let site: ScratchSite
  before(async () => {
    site = await ScratchSite.create()
    await site.exec(['sh', '-c', 'cat >/mnt/killer'], { stdin: killer })
  })
  after(() => site?.close())

  const make = (host: Host) =>
    new NamespaceDriver({ site: 'east', cluster: 'lab', host, root: '/mnt/machines', bin: '/mnt/bin', reserveMiB: 1 })

  /** A driver whose calls die at their command number `at`. */
  const mortal = (victim: string, at: number) =>
    make({
      name: 'mortal',
      close: () => Promise.resolve(),
      exec: (argv, options) =>
        site.exec(['env', 'BASH_ENV=/mnt/killer', `VICTIM=${victim}`, `KILL_AT=${at}`, ...argv], options),
    })

  /** Tries an act at one line after the other until it gets through alive; returns how often it was killed. */
  const atEachLine = async (
    victim: string,
    act: (driver: NamespaceDriver) => Promise<unknown>,
    check: () => Promise<void>,
  ) => {
    let kills = 0
    for (let at = 1; ; at += stride) {
      await site.run('rm -f /mnt/killed')
      await act(mortal(victim, at)).catch(() => undefined)
      const killed = (await site.exec(['test', '-e', '/mnt/killed'])).code === 0
      await check().catch((error: unknown) => {
        throw new Error(`after ${victim} was killed before command ${at}`, { cause: error })
      })
      if (!killed) return kills
      kills += 1
    }
  }

  const spec = machineSpec('v-1')
  const listed = async () => (await make(site).list()).machines.map(({ id, name, cluster }) => ({ id, name, cluster }))
  const known = { id: 'v-1', name: 'node-v-1', cluster: 'lab' }

  for (const victim of ['create', 'hold', 'inside']) {
    it(`${victim}: the next create makes the machine run, and delete removes everything`, async () => {
      let round = 0
      const kills = await atEachLine(
        victim,
        (driver) => driver.create(spec),
        async () => {
          round += 1
          for (const machine of await listed()) assert.deepEqual(machine, known)
          if (round % 2 === 1) {
            assert.equal((await make(site).create(spec)).state, 'running')
            assert.deepEqual(await listed(), [known])
          }
          await make(site).delete('v-1')
          assert.deepEqual(await machineRemains(site), [])
        },
      )
      assert.ok(kills > 1, `${kills} kills`)
    })
  }

  it('delete: the machine is listed until it is gone, and the next delete removes the rest', async () => {
    const kills = await atEachLine(
      'delete',
      async (driver) => {
        await make(site).create(spec)
        await driver.delete('v-1')
      },
      async () => {
        const left = (await machineRemains(site)).filter((line) => !line.includes('/.locks/'))
        assert.deepEqual(await listed(), left.length > 0 ? [known] : [])
        await make(site).delete('v-1')
        assert.deepEqual(await machineRemains(site), [])
      },
    )
    assert.ok(kills > 1, `${kills} kills`)
  })
})
