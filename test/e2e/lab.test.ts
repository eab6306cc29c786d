import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { assets } from '../../lab/assets.ts'
import { cleanUp, leftovers } from '../../lab/clean-up.ts'
import type { LabHost } from '../../lab/host.ts'
import { Lab } from '../../lab/lab.ts'
import { crashedLabs } from '../../lab/owner.ts'
import { must, run } from '../../lab/process.ts'
import { execChecked } from '../../src/base/exec.ts'

const name = 'labtest'
const second = 'labtest2'
const bare = { name, caches: false, scheduler: 'none' } as const

before(assets)
after(async () => {
  await cleanUp(name)
  await cleanUp(second)
})

/** Everything of this machine that carries a lab's name, seen without the lab's own eyes. */
async function traces(lab: string): Promise<string[]> {
  const lines = `${await must(['ip', 'netns', 'list'])}${readFileSync('/proc/self/mounts', 'utf8')}${await must(['ps', 'axww', '-o', 'args='])}`
  return lines.split('\n').filter((line) => line.includes(`cw-${lab}-`) || line.includes(`causeway-lab/${lab}/`))
}

/** Shortest of some round trips, ms. */
async function roundTrip(from: LabHost, address: string): Promise<number> {
  const said = await execChecked(from, ['ping', '-q', '-c', '4', '-i', '0.1', address])
  return Number(/= ([\d.]+)\//.exec(said)?.[1])
}

test('up and down, twice in a row, leaves nothing', async () => {
  const links = await must(['ip', '-brief', 'link'])
  for (const round of [1, 2]) {
    const lab = await Lab.up(bare)
    const seen = (await lab.leftovers()).join('\n')
    assert.match(seen, /network namespace cw-labtest-west/, `round ${round}`)
    assert.match(seen, /process \d+: .*sshd/)
    assert.match(seen, /mount \/run\/causeway-lab\/labtest\/disk/)
    assert.notDeepEqual(await traces(name), [])
    await lab.down()
    assert.deepEqual(await lab.leftovers(), [])
    assert.deepEqual(await traces(name), [])
  }
  assert.equal(await must(['ip', '-brief', 'link']), links)
})

test('a lab whose owner was killed is replaced; one whose owner is alive is not', async () => {
  const program = `
    const { Lab } = await import(${JSON.stringify(new URL('../../lab/lab.ts', import.meta.url).href)})
    const lab = await Lab.up(${JSON.stringify(bare)})
    await lab.head.start(['sleep', 'infinity'])
    console.log('up')
    setInterval(() => undefined, 1000)`
  const owner = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const [said] = await Promise.race([once(owner.stdout, 'data'), once(owner, 'exit')])
    assert.equal(String(said), 'up\n')
    await assert.rejects(Lab.up(bare), { code: 'Conflict' })
  } finally {
    if (owner.kill('SIGKILL')) await once(owner, 'exit')
  }
  assert.match((await leftovers(name)).join('\n'), /sleep infinity/)
  assert.ok(crashedLabs().includes(name))
  const lab = await Lab.up(bare)
  await execChecked(lab.head, ['true'])
  assert.ok(!crashedLabs().includes(name))
  await lab.down()
  assert.deepEqual(await traces(name), [])
})

test('two labs are up at the same time and do not see each other', async () => {
  const [one, two] = await Promise.all([Lab.up(bare), Lab.up({ ...bare, name: second })])
  one.head.write('/etc/causeway/mine', { content: 'one' })
  assert.equal((await two.head.exec(['cat', '/etc/causeway/mine'])).code, 1)
  await one.down()
  assert.deepEqual(await traces(name), [])
  await execChecked(two.head, ['ping', '-q', '-c', '1', '10.250.1.2'])
  await two.down()
  assert.deepEqual(await traces(second), [])
})

describe('a lab', () => {
  let lab: Lab
  before(async () => {
    lab = await Lab.up(bare)
  })
  after(() => lab.down())

  test('has west 10 ms away each way, and east near', async () => {
    const near = await roundTrip(lab.head, '10.250.1.2')
    const far = await roundTrip(lab.head, '10.250.2.2')
    assert.ok(far >= 20, `${far} ms`)
    assert.ok(near < far / 2, `${near} ms to east, ${far} ms to west`)
    assert.ok((await roundTrip(lab.hosts.east, '10.250.9.2')) >= 10)
  })

  test('lets a test change and cut the WAN', async () => {
    const cable = lab.wan('west')
    await cable.delay(30)
    assert.ok((await roundTrip(lab.head, '10.250.2.2')) >= 60)
    await cable.delay(10)
    await cable.down()
    assert.equal((await lab.head.exec(['ping', '-q', '-c', '1', '-W', '1', '10.250.2.2'])).code, 1)
    assert.equal((await lab.head.exec(['ping', '-q', '-c', '1', '-W', '1', '10.250.1.2'])).code, 0)
    await cable.up()
    await execChecked(lab.head, ['ping', '-q', '-c', '1', '-w', '10', '10.250.2.2'])
    const { ab } = await cable.stats()
    assert.ok(ab.tx > 0 && ab.down_drop > 0, JSON.stringify(ab))
  })

  test('keeps what its hosts write from this machine and from each other', async () => {
    for (const folder of ['/etc', '/opt', '/root', '/run', '/tmp', '/var/log', '/var/lib/causeway']) {
      await execChecked(lab.head, ['touch', `${folder}/labtest-was-here`])
      assert.equal((await lab.hosts.east.exec(['test', '-e', `${folder}/labtest-was-here`])).code, 1, folder)
      await assert.rejects(must(['ls', `${folder}/labtest-was-here`]), /No such file/)
    }
    assert.throws(() => lab.head.write('/usr/local/labtest', { content: '' }), /this machine's own/)
  })

  test('shares /home, with a normal user, between the head and the sites', async () => {
    const ours = await lab.asAlice(['sh', '-c', 'id -un >note; pwd'])
    assert.equal(ours.stdout, '/home/alice\n')
    const there = await execChecked(lab.hosts.west, ['stat', '-c', '%U %s', '/home/alice/note'])
    assert.equal(there, 'alice 6\n')
    assert.match(
      readFileSync(`${lab.hosts.east.path('/var/lib/causeway/images/base')}/etc/passwd`, 'utf8'),
      /^alice:x:2001:/m,
    )
  })

  test('lets the controller, and nobody else, log in at a site', async () => {
    const ssh = ['ssh', '-o', 'BatchMode=yes', '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null']
    const asked = await lab.head.exec([...ssh, '-i', '/etc/causeway/id_ed25519', '10.250.2.2', 'hostname'])
    assert.equal(asked.stdout, 'west\n', asked.stderr)
    await execChecked(lab.head, ['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', '/root/other'])
    const stranger = await lab.head.exec([...ssh, '-i', '/root/other', '10.250.2.2', 'hostname'])
    assert.match(stranger.stderr, /Permission denied/)
  })

  test('has a mirror that apt in the image trusts, until its key is another one', async () => {
    const { east } = lab.hosts
    const root = '/tmp/root'
    await execChecked(east, ['mkdir', '-p', root, '/tmp/layer/upper', '/tmp/layer/work'])
    const layers = 'lowerdir=/var/lib/causeway/images/base,upperdir=/tmp/layer/upper,workdir=/tmp/layer/work'
    await execChecked(east, ['mount', '-t', 'overlay', 'overlay', '-o', layers, root])
    east.write(`${root}/etc/hosts`, { content: '10.250.9.2 mirror.lab\n' })
    const apt = (...argv: string[]) => east.exec(['chroot', root, 'apt-get', '-qq', ...argv], { timeoutMs: 60_000 })

    const update = await apt('update', '--error-on=any')
    assert.equal(update.code, 0, update.stderr)
    const install = await apt('install', '--yes', '--download-only', 'slurmd', 'slurm-client', 'munge')
    assert.equal(install.code, 0, install.stderr)
    const served = lab.mirror.requests('10.250.1.2')
    assert.ok(served.some(({ uri, status }) => uri === '/debian/dists/bookworm/InRelease' && status === 200))
    assert.ok(served.some(({ uri, bytes }) => /\/slurmd_[^/]*[.]deb$/.test(uri) && bytes > 100_000))
    assert.deepEqual(lab.mirror.requests('10.250.2.2'), [])

    await execChecked(east, [
      'cp',
      '/usr/share/keyrings/debian-archive-keyring.gpg',
      `${root}/usr/share/keyrings/lab-mirror.gpg`,
    ])
    await execChecked(east, ['rm', '-rf', `${root}/var/lib/apt/lists`])
    const distrusted = await apt('update', '--error-on=any')
    assert.notEqual(distrusted.code, 0)
    assert.match(distrusted.stderr, /NO_PUBKEY|not signed/)
    await execChecked(east, ['umount', root])
  })

  test('survives a power cut at a site', async () => {
    const { west } = lab.hosts
    west.write('/var/lib/causeway/kept', { content: 'yes' })
    const daemon = await west.start(['sleep', 'infinity'])
    await lab.powerOff('west')
    assert.equal(await daemon.exited, 137)
    assert.equal((await lab.head.exec(['ping', '-q', '-c', '1', '-W', '1', '10.250.2.2'])).code, 1)
    await assert.rejects(west.exec(['true']), { code: 'HostUnreachable' })
    await lab.powerOn('west', { cache: false })
    assert.equal(west.read('/var/lib/causeway/kept'), 'yes')
    await execChecked(lab.head, ['ping', '-q', '-c', '1', '-w', '10', '10.250.2.2'])
  })
})

test('the command line says what there is and refuses bad names', async () => {
  const main = fileURLToPath(new URL('../../lab/main.ts', import.meta.url))
  const none = await run([process.execPath, main, 'status', '--name', name])
  assert.equal(none.code, 1)
  assert.match(none.stdout, /There is no lab "labtest"/)
  await assert.rejects(must([process.execPath, main, 'up', '--name', 'Not-A-Name']), /up to 12 lower-case letters/)
})
