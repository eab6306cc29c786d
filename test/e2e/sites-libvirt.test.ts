import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { parse } from 'yaml'
import { lightImage } from '../../lab/assets.ts'
import { places } from '../../lab/config.ts'
import { must } from '../../lab/demo/must.ts'
import { Lab } from '../../lab/lab.ts'
import { underlayAddress } from '../../lab/network.ts'
import { hostKeyPath } from '../../lab/ssh.ts'
import { packagesFor } from '../../src/cli/site/packages.ts'
import { loadControllerConfig } from '../../src/config/controller-config.ts'
import { patienceMs } from './cluster.ts'
import { labName } from './lab-name.ts'
import { remains } from './remains.ts'

/** Both hosts of the site that is added. */
const pool = ['east', 'annex'] as const

/**
 * Makes a host's apt know nothing but a folder with an empty package for each name that is not installed here: what matters is
 * what is asked for, and that this machine's own programs stay.
 */
const spareRepository = `set -eu
mkdir -p /var/lib/spare && cd /var/lib/spare
for package; do
  ! dpkg-query --show --showformat='\${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || continue
  mkdir -p "$package/DEBIAN"
  printf 'Package: %s\\nVersion: 99\\nArchitecture: all\\nMaintainer: nobody <root@localhost>\\nDescription: stands in\\n' "$package" >"$package/DEBIAN/control"
  dpkg-deb --build "$package" "$package.deb" >&2
  { cat "$package/DEBIAN/control"
    printf 'Filename: ./%s.deb\\nSize: %s\\nSHA256: %s\\n\\n' "$package" "$(stat -c %s "$package.deb")" "$(sha256sum "$package.deb" | cut -d' ' -f1)"
  } >>Packages
  echo "$package"
done
rm -f /etc/apt/sources.list.d/* /etc/apt/preferences.d/*
echo 'deb [trusted=yes] file:/var/lib/spare ./' >/etc/apt/sources.list
touch Packages`

describe('a site of two hosts with virtual machines', () => {
  let lab: Lab
  let configured = ''
  let added = ''
  const config = () => lab.head.read(places.config)
  const fingerprints = new Map<string, string>()
  const spare = new Map<string, string[]>()

  /** Runs Causeway at a terminal, where these lines are typed. */
  const atTerminal = (argv: readonly string[], lines: readonly string[]) => {
    const quoted = [places.causeway, ...argv].map((word) => `'${word}'`).join(' ')
    return lab.head.exec(['script', '--quiet', '--return', '--command', quoted, '/dev/null'], {
      stdin: lines.map((line) => `${line}\n`).join(''),
      env: { CAUSEWAY_NODE: '/opt/node/node', CAUSEWAY_CONFIG: places.config },
      timeoutMs: patienceMs * 2,
    })
  }

  const image = (file: string) => `${places.lightImage}/${file}`
  const kernel = `{ kernel: ${image(lightImage.kernel)}, initrd: ${image(lightImage.initrd)}, cmdline: "quiet mitigations=off" }`
  const settings = [
    'driver.firmware=kernel',
    `driver.kernel=${kernel}`,
    'driver.accelerator=tcg',
    'driver.shutdown=0s',
    'driver.cpuOvercommit=16',
    'driver.reserve={ memory: 256MiB, disk: 256MiB }',
  ]
  const add = [
    ...`site add east --address ${underlayAddress('east')} --nodes 2 --cpus 1 --memory 192MiB`.split(' '),
    '--image',
    image(lightImage.disk),
    ...settings.flatMap((one) => ['--set', one]),
  ]

  before(async () => {
    lab = await Lab.up({ name: labName, machines: 'libvirt', annex: true, caches: false, scheduler: 'none' })
    const all = await loadControllerConfig(lab.head.path(places.config))
    for (const host of pool) {
      const said = await must(lab.hosts[host].exec(['ssh-keygen', '-lf', hostKeyPath]))
      fingerprints.set(host, said.split(' ')[1] ?? '')
      const argv = ['sh', '-c', spareRepository, 'sh', ...packagesFor(all, 'east')]
      spare.set(host, (await must(lab.hosts[host].exec(argv))).split('\n').filter(Boolean))
    }
    lab.configure((config) => {
      delete (config.sites as Partial<typeof config.sites>).east
    })
    configured = `# Who to ask: alice.\n${config()}`
    lab.head.write(places.config, { content: configured, mode: 0o640 })
  })
  after(async () => {
    await lab.down()
    assert.deepEqual(await lab.leftovers(), [])
  })

  test('an admin at a terminal who does not vouch for a key adds nothing', async () => {
    const { code, stdout } = await atTerminal(add, ['no'])
    assert.equal(code, 2, stdout)
    assert.ok(stdout.includes(`nobody vouches for the key ${fingerprints.get('east')}`), stdout)
    assert.equal(config(), configured)
  })

  test('it is added at a terminal, with what its hosts lack installed and a node tried at each', async () => {
    const lines = ['yes', `annex=${underlayAddress('annex')}`, '', 'yes', 'yes']
    const { code, stdout } = await atTerminal([...add, '--install'], lines)
    assert.equal(code, 0, stdout)
    for (const host of pool) {
      assert.ok(stdout.includes(`shows the ssh-ed25519 key ${fingerprints.get(host)}`), stdout)
      assert.match(stdout, new RegExp(`^ok +test node at ${host}: its router answers; it is removed`, 'm'))
      for (const name of spare.get(host) ?? []) await must(lab.hosts[host].exec(['dpkg-query', '--show', name]))
    }
    assert.deepEqual(await remains(lab), [])
    added = config()
    assert.ok(added.startsWith('# Who to ask: alice.\n'))
    const { hosts } = parse(added).sites.east.driver
    assert.deepEqual(Object.keys(hosts), ['east', 'annex'])
    assert.deepEqual([hosts.annex.underlay, hosts.annex.address], [underlayAddress('annex'), '10.77.1.253'])
  })

  test('a host that was taken out of its pool is added again, unattended', async () => {
    const less = added.replace(/^ +annex:\n(?: {10}.*\n)+/m, '')
    assert.deepEqual(Object.keys(parse(less).sites.east.driver.hosts), ['east'])
    lab.head.write(places.config, { content: less, mode: 0o640 })
    const addHost = (...words: string[]) => {
      const argv = ['site', 'add-host', 'east', 'annex', '--address', underlayAddress('annex'), '--yes', ...words]
      return lab.causeway(argv, { timeoutMs: patienceMs })
    }
    const unknown = await addHost()
    assert.equal(unknown.code, 2)
    assert.equal(config(), less)
    const { code, stderr } = await addHost('--host-key', fingerprints.get('annex') ?? '')
    assert.equal(code, 0, stderr)
    assert.match(stderr, /^ok +test node at annex: it boots; it is removed/m)
    assert.deepEqual(await remains(lab), [])
    assert.equal(config(), added)
  })

  test('removed, nothing of it is left at either host', async () => {
    const { code, stderr } = await lab.causeway(['site', 'remove', 'east', '--yes'], { timeoutMs: patienceMs })
    assert.equal(code, 0, stderr)
    assert.equal(config(), configured)
    for (const host of pool) {
      assert.doesNotMatch(await must(lab.hosts[host].exec(['ip', '-o', 'link'])), /cw\w*77/)
      assert.doesNotMatch(await must(lab.hosts[host].exec(['nft', 'list', 'tables'])), /causeway/)
    }
  })
})
