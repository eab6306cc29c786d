import type { Driver, Machine } from '../src/sites/driver.ts'

/** A machine that a benchmark's site runs. */
export function benchMachine(id: string, name: string, cluster: string, createdAtMs: number): Machine {
  return { id, name, cluster, state: 'running', createdAtMs, host: null, address: null, leaving: null }
}

/**
 * A site without hosts, whose calls cost nothing: what is measured is what calls it.
 * @param machines what it has; it is changed
 * @param created hears the name of each machine that is made
 */
export function memoryDriver(
  site: string,
  machines: Map<string, Machine>,
  created: (name: string) => void = () => undefined,
): Driver {
  return {
    site,
    list: async () => ({ machines: [...machines.values()], unread: [] }),
    create: async ({ id, name, cluster }) => {
      created(name)
      const machine = benchMachine(id, name, cluster, Date.now())
      machines.set(id, machine)
      return machine
    },
    delete: async (id) => {
      machines.delete(id)
    },
    console: async () => '',
    capacity: async () => ({ hosts: [], offers: [], machinesLeft: null }),
    close: async () => undefined,
  }
}
