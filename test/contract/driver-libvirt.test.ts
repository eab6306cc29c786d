import { appendFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lightImage, lightImageFolder } from '../../lab/assets.ts'
import { type LibvirtHost, LibvirtSite } from '../../lab/libvirt.ts'
import { must } from '../../lab/process.ts'
import { execChecked } from '../../src/base/exec.ts'
import { uuidOf } from '../../src/sites/libvirt/identity.ts'
import { LibvirtDriver } from '../../src/sites/libvirt/libvirt-driver.ts'
import { SshHost } from '../../src/sites/ssh-host.ts'
import { libvirtConfig } from '../sites/libvirt/config.ts'
import { bootDisk } from '../support/boot-disk.ts'
import { machineSpec } from '../support/machine-spec.ts'
import { driverContract } from './driver-contract.ts'

const images = '/var/lib/causeway/images'
const machines = '/var/lib/causeway/machines'
const pool = ['h1', 'h2']

driverContract(
  'LibvirtDriver',
  { hosts: pool.length, darkens: 'each', fills: true, announces: false, refuses: [] },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cwc-libvirt-'))
    writeFileSync(join(folder, 'raw'), bootDisk('a word\n'))
    await must(['qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', join(folder, 'raw'), join(folder, 'word.qcow2')])
    const site = await LibvirtSite.up({
      name: 'libvirtpool',
      hosts: pool,
      binds: [
        { source: folder, target: `${images}/test`, writable: false },
        { source: await lightImageFolder(), target: `${images}/light`, writable: false },
      ],
    })
    const hosts = [...site.hosts.values()]
    // A small disk that can be filled without taking this machine's memory.
    for (const host of hosts) {
      await execChecked(host.machine, ['mkdir', '-p', machines])
      await execChecked(host.machine, ['mount', '-t', 'tmpfs', '-o', 'size=64m', 'machines', machines])
    }
    const ssh = new Map(hosts.map((host) => [host.name, new SshHost(host.ssh)]))
    const config = libvirtConfig({
      cpuOvercommit: 16,
      reserve: { memory: '256MiB', disk: '8MiB' },
      hosts: Object.fromEntries(pool.map((name) => [name, {}])),
      types: {
        // Only machines whose words are read boot a system: the others show one that a boot sector prints.
        light: {
          firmware: 'kernel',
          kernel: {
            kernel: `${images}/light/${lightImage.kernel}`,
            initrd: `${images}/light/${lightImage.initrd}`,
            cmdline: 'quiet mitigations=off',
          },
        },
      },
    })
    const make = (cluster: string) => new LibvirtDriver({ site: 'east', cluster, config, hosts: ssh })
    return {
      driver: make('lab'),
      restarted: () => make('lab'),
      other: make('other'),
      spec: (id, cluster = 'lab') =>
        machineSpec(id, {
          cluster,
          ...(id === 'i-1'
            ? { type: 'light', image: `${images}/light/${lightImage.disk}`, memoryMiB: 128 }
            : { image: `${images}/test/word.qcow2`, memoryMiB: 32 }),
        }),
      cutPower: async (id) => {
        await Promise.all(hosts.map(({ machine }) => machine.exec(['virsh', 'destroy', uuidOf(id)])))
      },
      print: (id, text) => {
        for (const { machine } of hosts) {
          const file = machine.path(`${machines}/${id}/console.log`)
          if (existsSync(file)) appendFileSync(file, text)
        }
        return Promise.resolve()
      },
      remains: async () => (await Promise.all(hosts.map(remains))).flat(),
      darken: (names) => {
        for (const { name, door } of hosts) door?.shut(names.includes(name))
        return Promise.resolve()
      },
      fill: async (full) => {
        const command = full ? ['fallocate', '-l', '62M', `${machines}/.ballast`] : ['rm', '-f', `${machines}/.ballast`]
        await Promise.all(hosts.map(({ machine }) => execChecked(machine, command)))
      },
      close: async () => {
        for (const host of ssh.values()) await host.close()
        await site.down()
        rmSync(folder, { recursive: true })
      },
    }
  },
)

/** Everything at a host that belongs to machines. */
async function remains({ name, machine }: LibvirtHost): Promise<string[]> {
  const lines = async (...argv: string[]) =>
    (await execChecked(machine, argv)).split('\n').filter((line) => line !== '')
  return [
    ...(await lines('virsh', 'list', '--all', '--name')),
    ...(await lines('ip', '-o', 'link', 'show', 'type', 'tun')),
    ...(await lines('ps', '-eo', 'args=')).filter((line) => /qemu-system|causeway-libvirt/.test(line)),
    ...(await lines('find', machines, '-mindepth', '1', '!', '-name', '.locks')),
    ...(await lines('find', '/var/log', '-path', '*/libvirt/qemu/*.log')),
  ].map((line) => `${name}: ${line}`)
}
