import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { lightImage, lightImageFolder } from '../../lab/assets.ts'
import { LibvirtSite } from '../../lab/libvirt.ts'
import { until } from '../../lab/until.ts'
import { execChecked } from '../../src/base/exec.ts'
import { torqueRole } from '../../src/hooks/schedulers/torque/role.ts'
import type { MachineSpec } from '../../src/sites/driver.ts'
import { LibvirtDriver } from '../../src/sites/libvirt/libvirt-driver.ts'
import { loadBoot, renderSeed } from '../../src/sites/seed.ts'
import { SshHost } from '../../src/sites/ssh-host.ts'
import { libvirtConfig } from '../sites/libvirt/config.ts'
import { machineSpec } from '../support/machine-spec.ts'
import { labName } from './lab-name.ts'

const patienceMs = 300_000
const image = '/var/lib/causeway/images/light'
const prefix = '/opt/torque'
const home = '/var/spool/torque'

/**
 * Brings what stands for pbs_mom, since Torque is in no Debian release: called as pbs_mom is, it says on the console what it finds, and
 * puts itself into the background. It talks to no server.
 */
const standIn = `#!/bin/bash
mkdir -p ${prefix}/sbin
cat >${prefix}/sbin/pbs_mom <<'END'
#!/bin/bash
seed=/var/lib/causeway/seed
{
  echo "mom arguments: $*"
  echo "mom host: $(hostname)"
  echo "mom server: $(cat ${home}/server_name)"
  echo "mom config: $(tr '\\n' ';' <${home}/mom_priv/config)"
  echo "mom modes: $(cd ${home} && stat -c '%n=%a' aux mom_priv mom_priv/jobs spool undelivered | tr '\\n' ' ')"
  echo "mom seed: $(stat -c '%a %U' $seed) $(if [ -e $seed/token ]; then echo token; else echo no token; fi)"
  echo "mom alice: $(setpriv --reuid alice --regid alice --clear-groups cat $seed/role 2>&1 | head -n 1)"
  echo "mom unit: $(readlink /etc/systemd/system/pbs_mom.service)"
  echo "mom boot: $(cat /proc/sys/kernel/random/boot_id)"
} >/dev/console
setsid sleep infinity </dev/null >/dev/null 2>&1 &
echo $! >${home}/mom_priv/mom.lock
END
chmod 755 ${prefix}/sbin/pbs_mom
`

describe("a virtual machine that boots into Torque's role, with a stand-in for pbs_mom", () => {
  let site: LibvirtSite
  let ssh: SshHost
  let driver: LibvirtDriver
  before(async () => {
    const binds = [{ source: await lightImageFolder(), target: image, writable: false }]
    site = await LibvirtSite.up({ name: labName, binds })
    ssh = new SshHost(site.host().ssh)
    const config = libvirtConfig({
      firmware: 'kernel',
      kernel: {
        kernel: `${image}/${lightImage.kernel}`,
        initrd: `${image}/${lightImage.initrd}`,
        cmdline: 'quiet mitigations=off',
      },
      cpuOvercommit: 16,
      reserve: { memory: '256MiB', disk: '8MiB' },
    })
    driver = new LibvirtDriver({ site: 'east', cluster: 'lab', config, hosts: new Map([['h1', ssh]]) })
  })
  after(async () => {
    await ssh.close()
    await site.down()
    assert.deepEqual(await site.leftovers(), [])
  })

  async function spec(id: string): Promise<MachineSpec> {
    const plain = machineSpec(id, { image: `${image}/${lightImage.disk}`, memoryMiB: 128 })
    const { name, cpus, memoryMiB, nic } = plain
    const [address = ''] = nic.address.split('/')
    const size = { cpus, memoryMiB, gpus: 0 }
    const scheduler = { kind: 'torque', prefix, home, port: 15_001, placeholder: 'p', explain: true } as const
    const seed = renderSeed({
      node: { id, name, address, mac: nic.mac, site: 'east', type: 'standard', size, features: [] },
      cluster: 'lab',
      prefixLength: 16,
      router: nic.router,
      ipv6: null,
      mtu: nic.mtu,
      resolver: null,
      head: { name: 'head', address: '10.77.0.1' },
      controllerUrl: 'http://10.77.0.1:8470', // nobody is there, and nothing waits for it
      token: 'one-time',
      hosts: [],
      boot: await loadBoot(),
      role: await torqueRole(scheduler),
      snippets: { before: standIn, after: null },
      join: null,
    })
    return { ...plain, seed }
  }

  /** All that the stand-in has said of something, from the first start to the last. */
  async function said(what: string): Promise<string[]> {
    const text = await driver.console('t-1')
    return [...text.matchAll(new RegExp(`^mom ${what}: (.*?)\\r?$`, 'gm'))].map(([, words = '']) => words.trim())
  }

  test('pbs_mom runs, has been told its server, and nothing of the seed is open', async () => {
    await driver.create(await spec('t-1'))
    await until('pbs_mom runs', patienceMs, async () => (await said('boot')).length === 1)
    assert.deepEqual(await said('arguments'), [`-d ${home}`])
    assert.deepEqual(await said('host'), ['node-t-1'])
    assert.deepEqual(await said('server'), ['head'])
    assert.deepEqual(await said('config'), ['$pbsserver head;$status_update_time 15;'])
    assert.deepEqual(await said('modes'), ['aux=755 mom_priv=751 mom_priv/jobs=751 spool=1777 undelivered=1777'])
    assert.deepEqual(await said('seed'), ['700 root no token'])
    assert.match((await said('alice'))[0] ?? '', /Permission denied/)
    assert.deepEqual(await said('unit'), ['/dev/null'])
  })

  test('it runs again after the machine was started again, told the same', async () => {
    await execChecked(site.host().machine, ['virsh', 'reset', 'node-t-1.t-1'])
    await until('pbs_mom runs again', patienceMs, async () => (await said('boot')).length === 2)
    assert.equal(new Set(await said('boot')).size, 2)
    for (const what of ['arguments', 'server', 'modes', 'seed']) {
      const words = await said(what)
      assert.equal(words[1], words[0], what)
    }
    assert.deepEqual(
      (await said('config')).map((text) => text.split(';').sort()),
      [
        ['', '$pbsserver head', '$status_update_time 15'],
        ['', '$pbsserver head', '$status_update_time 15'],
      ],
    )
  })

  test('the machine, its disk and its seed are gone when it is deleted', async () => {
    await driver.delete('t-1')
    assert.deepEqual((await driver.list()).machines, [])
    const { machine } = site.host()
    assert.equal((await execChecked(machine, ['virsh', 'list', '--all', '--name'])).trim(), '')
    const files = ['find', '/var/lib/causeway/machines', '-type', 'f', '!', '-path', '*/.locks/*']
    assert.equal(await execChecked(machine, files), '')
  })
})
