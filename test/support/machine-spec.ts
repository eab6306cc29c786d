import { createHash } from 'node:crypto'
import type { MachineSpec, SeedFile } from '../../src/sites/driver.ts'

/** A small machine for tests, whose name, MAC and port follow from its id; `boot` is what it runs. */
export function machineSpec(id: string, over: Partial<MachineSpec> & { boot?: string } = {}): MachineSpec {
  const { boot = `#!/bin/sh\necho hello from node-${id}\n`, ...rest } = over
  const hex = createHash('sha256').update(id).digest('hex')
  const seed: SeedFile[] = [{ path: 'boot', mode: 0o755, content: boot }]
  return {
    id,
    name: `node-${id}`,
    cluster: 'lab',
    type: 'standard',
    image: '/',
    cpus: 1,
    memoryMiB: 64,
    nic: {
      mac: `02:43:0a:4d:${hex.slice(0, 2)}:${hex.slice(2, 4)}`,
      port: `cwp${hex.slice(0, 8)}`,
      bridge: 'cw77',
      mtu: 1450,
      address: `10.77.1.${1 + (Number.parseInt(hex.slice(8, 10), 16) % 250)}/16`,
      router: '10.77.1.254',
      ipv6: null,
      resolver: null,
    },
    seed,
    avoidHosts: [],
    first: false,
    ...rest,
  }
}
