import { uuidOf } from '../../../src/sites/libvirt/identity.ts'
import { type Inventory, parseInventory } from '../../../src/sites/libvirt/inventory.ts'

/** An inventory with nothing on the host, but for what is given. */
export function inventory(over: Partial<Inventory> = {}): Inventory {
  return { ...parseInventory(inventoryText()), ...over }
}

/** A machine as the script would print it; state and reason as libvirt numbers them. */
export interface PrintedMachine {
  readonly id: string
  readonly state: number
  readonly reason?: number
  readonly cluster?: string
  readonly createdAtMs?: number
}

/** What `causeway-libvirt inventory` prints. */
export function inventoryText(
  machines: readonly PrintedMachine[] = [],
  facts: readonly string[] = ['kvm not tried', 'file /images/base.qcow2'],
): string {
  const host = ['now 1795000000000', 'boot b', 'arch x86_64', 'cpus 4', 'memory 16000', 'available 12000', 'disk 90000']
  const name = (id: string) => `node-${id}.${id}`
  const domains = machines.map(({ id }) => `${uuidOf(id)} ${name(id)}\n`)
  const metadata = machines.map(
    ({ id, cluster = 'lab', createdAtMs = 1 }) =>
      `@@${uuidOf(id)}<machine id="${id}" name="node-${id}" cluster="${cluster}" createdAtMs="${createdAtMs}"/>\n\n`,
  )
  const stats = machines.map(
    ({ id, state, reason = 1 }) =>
      `Domain: '${name(id)}'\n  state.state=${state}\n  state.reason=${reason}\n  balloon.current=65536\n` +
      `  balloon.maximum=65536\n  balloon.rss=40000\n  vcpu.current=1\n  vcpu.maximum=1\n\n`,
  )
  const lines = [...host, 'hugepages 2048 12', ...facts].map((line) => `${line}\n`).join('')
  return `${lines}== domains\n${domains.join('')}\n== metadata\n${metadata.join('')}\n== stats\n${stats.join('')}\n== end\n`
}
