import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { must } from '../../lab/demo/must.ts'
import { Lab } from '../../lab/lab.ts'
import { startMunged } from '../../lab/slurm.ts'
import { until } from '../../lab/until.ts'
import { labName } from './lab-name.ts'

const patienceMs = 120_000

/** What systemd does with munge's unit, on a host that has no systemd. */
const systemctl = `#!/bin/sh
[ "$2" = munge.service ] || exit 5
if munge --no-input >/dev/null 2>&1; then
  [ "$1" = restart ] || exit 0
  munged --stop
fi
exec setpriv --reuid munge --regid munge --clear-groups -- /usr/sbin/munged
`

/** Says that it was started, and serves nobody. */
const slurmd = '#!/bin/sh\ntouch /run/slurmd-began\nexec sleep infinity\n'

describe('the role of a Slurm node, in an image that has its packages', () => {
  let lab: Lab
  before(async () => {
    lab = await Lab.up({ name: labName, scheduler: 'none', caches: false })
  })
  after(() => lab.down())

  test("it speaks with the cluster's key, though munge ran with another", async () => {
    const { head, hosts } = lab
    const { east } = hosts
    const key = randomBytes(128)
    await startMunged(head, key)
    await startMunged(east, randomBytes(128))
    await must(east.exec(['mkdir', '-p', '/run/systemd/system']))
    // Below /usr a host has this machine's own files.
    for (const folder of ['/usr/local/bin', '/usr/local/sbin'])
      await must(east.exec(['mount', '-t', 'tmpfs', '-o', 'mode=0755', 'tmpfs', folder]))
    east.write('/usr/local/bin/systemctl', { content: systemctl, mode: 0o755 })
    east.write('/usr/local/sbin/slurmd', { content: slurmd, mode: 0o755 })
    const program = readFileSync(new URL('../../scripts/slurm/role', import.meta.url))
    east.write('/run/seed/role', { content: program, mode: 0o755 })
    east.write('/run/seed/munge.key.base64', { content: `${key.toString('base64')}\n`, mode: 0o600 })
    const env = { NODE_NAME: 'east-1', HEAD_ADDRESS: '127.0.0.1', SCHEDULER_PORT: '6817' }
    await east.start(['/run/seed/role', 'serve'], { log: '/run/role.log', env })
    await until('slurmd was started', patienceMs, async () => {
      return (await east.exec(['test', '-e', '/run/slurmd-began'])).code === 0
    })
    const credential = await must(east.exec(['munge', '--string', 'hello']))
    const { code, stdout, stderr } = await head.exec(['unmunge'], { stdin: credential })
    assert.equal(code, 0, `${stdout}${stderr}`)
    assert.match(stdout, /^hello$/m)
    assert.equal((await east.exec(['ls', '/run/seed'])).stdout, 'role\n')
    assert.equal((await must(east.exec(['stat', '-c', '%a %U', '/etc/munge/munge.key']))).trim(), '400 munge')
  })
})
