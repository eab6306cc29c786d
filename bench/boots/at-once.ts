import { Value } from 'typebox/value'
import { lightImage, lightImageFolder } from '../../lab/assets.ts'
import { places } from '../../lab/config.ts'
import { LibvirtSite } from '../../lab/libvirt.ts'
import type { ExecOptions, ExecResult, Host } from '../../src/base/host.ts'
import { LibvirtSchema } from '../../src/config/drivers/libvirt.ts'
import type { MachineSpec } from '../../src/sites/driver.ts'
import { LibvirtDriver } from '../../src/sites/libvirt/libvirt-driver.ts'
import { SshHost } from '../../src/sites/ssh-host.ts'

/** A host that counts the calls in which machines are made. */
class CountingHost implements Host {
  readonly name = 'h1'
  readonly #host: Host
  creates = 0

  constructor(host: Host) {
    this.#host = host
  }

  exec(argv: readonly string[], options?: ExecOptions): Promise<ExecResult> {
    if (argv.includes('create')) this.creates += 1
    return this.#host.exec(argv, options)
  }

  close(): Promise<void> {
    return this.#host.close()
  }
}

/** Makes one machine, then many with one call each at the same moment, at a hypervisor host over SSH. */
export async function manyAtOnce(count: number): Promise<{ exchanges: number; seconds: number; each: number }> {
  const folder = await lightImageFolder()
  const binds = [{ source: folder, target: places.lightImage, writable: false }]
  const site = await LibvirtSite.up({ name: 'atonce', binds })
  const host = new CountingHost(new SshHost(site.host().ssh))
  const driver = new LibvirtDriver({ site: 'east', cluster: 'lab', config: config(), hosts: new Map([['h1', host]]) })
  try {
    // The first finds out what QEMU can do, and brings the script: that is done once at a host.
    await driver.create(spec(0))
    const each = await secondsOf(() => driver.create(spec(1)))
    const before = host.creates
    const ids = Array.from({ length: count }, (_, index) => index + 2)
    const seconds = await secondsOf(() => Promise.all(ids.map((index) => driver.create(spec(index)))))
    return { exchanges: host.creates - before, seconds, each }
  } finally {
    await host.close()
    await site.down()
  }
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return (performance.now() - began) / 1000
}

/** Under BIOS the disk has no boot loader: machines start and then halt, so that they do not disturb each other. */
function config() {
  const settings = {
    kind: 'libvirt',
    image: `${places.lightImage}/${lightImage.disk}`,
    accelerator: 'tcg',
    cpuOvercommit: 64,
    reserve: { memory: '256MiB', disk: '256MiB' },
  }
  return Value.Decode(LibvirtSchema, Value.Default(LibvirtSchema, settings))
}

function spec(index: number): MachineSpec {
  const hex = index.toString(16).padStart(2, '0')
  return {
    id: `boots-${index}`,
    name: `east-${index}`,
    cluster: 'lab',
    type: 'standard',
    image: `${places.lightImage}/${lightImage.disk}`,
    cpus: 1,
    memoryMiB: 32,
    nic: {
      mac: `02:43:0a:4d:01:${hex}`,
      port: `cwp0000${hex}`,
      bridge: 'cw77',
      mtu: 1450,
      address: `10.77.1.${index + 1}/16`,
      router: '10.77.1.254',
      ipv6: null,
      resolver: null,
    },
    seed: [{ path: 'boot', mode: 0o755, content: '#!/bin/sh\n' }],
    avoidHosts: [],
    first: true,
  }
}
