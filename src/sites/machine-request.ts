import { CausewayError } from '../base/errors.ts'
import type { HostCapacity, Machine, MachineSpec } from './driver.ts'
import { check, checkDevice, checkId, checkMac, checkName, checkPath } from './machine-fields.ts'

const seedPathForm = /^(?!.*(^|\/)\.\.?(\/|$))[A-Za-z0-9._@+-]+(\/[A-Za-z0-9._@+-]+)*$/

/** What a site adds to each machine's spec. */
export interface MachineSurroundings {
  /** Folders of the site host that every machine finds at the same path, readable and writable. */
  readonly shared: readonly string[]
  /** Free space, MiB, below which no machine is made. */
  readonly reserveMiB: number
}

/**
 * The request that `scripts/site/causeway-machine create` reads on stdin (its form is described there).
 * @throws CausewayError `InvalidRequest` naming the field that the script could not take.
 */
export function renderMachineRequest(spec: MachineSpec, surroundings: MachineSurroundings): string {
  checkId(spec.id)
  const lines = [
    ['name', checkName('name', spec.name)],
    ['cluster', checkName('cluster', spec.cluster)],
    ['image', checkPath('image', spec.image)],
    ['mac', checkMac(spec.nic.mac)],
    ['port', checkDevice('nic.port', spec.nic.port)],
    ['bridge', checkDevice('nic.bridge', spec.nic.bridge)],
    ['mtu', check('nic.mtu', String(spec.nic.mtu), /^[0-9]{2,5}$/)],
    ['reserve', check('reserveMiB', String(surroundings.reserveMiB), /^[0-9]{1,8}$/)],
    ...surroundings.shared.map((folder) => ['shared', checkPath('shared', folder)]),
    ...spec.seed.map((file) => [
      'seed',
      check('seed mode', (file.mode & 0o777).toString(8).padStart(3, '0'), /^[0-7]{3}$/),
      check('seed path', file.path, seedPathForm),
      Buffer.from(file.content).toString('base64'),
    ]),
    ['end'],
  ]
  return lines.map((line) => `${line.join(' ')}\n`).join('')
}

/**
 * Reads the machines that the script printed, one JSON object a line.
 * @throws CausewayError `MalformedOutput`
 */
export function parseMachines(text: string): Machine[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map(parseMachine)
}

function parseMachine(line: string): Machine {
  const fail = (cause?: unknown) =>
    new CausewayError('MalformedOutput', `not a machine: ${JSON.stringify(line.slice(0, 200))}`, { cause })
  let value: Partial<Record<keyof Machine, unknown>> | null
  try {
    value = JSON.parse(line) as typeof value
  } catch (cause) {
    throw fail(cause)
  }
  if (value === null || typeof value !== 'object') throw fail()
  const { id, name, cluster, state, createdAtMs } = value
  if (typeof id !== 'string' || typeof name !== 'string' || typeof cluster !== 'string') throw fail()
  if ((state !== 'running' && state !== 'stopped') || !Number.isSafeInteger(createdAtMs)) throw fail()
  return { id, name, cluster, state, createdAtMs: createdAtMs as number, host: null, address: null, leaving: null }
}

/**
 * Reads what the script says of its host's room.
 * @throws CausewayError `MalformedOutput`
 */
export function parseRoom(text: string): Omit<HostCapacity, 'host' | 'closed'> {
  const numbers = /^cpus=(\d+) memory=(\d+) free=(\d+) machines=(\d+)\n$/.exec(text)?.slice(1).map(Number)
  const [cpus, memoryMiB, freeMemoryMiB, machines] = numbers ?? []
  if (cpus === undefined || memoryMiB === undefined || freeMemoryMiB === undefined || machines === undefined) {
    throw new CausewayError('MalformedOutput', `not a host's room: ${JSON.stringify(text.slice(0, 200))}`)
  }
  return { cpus, memoryMiB, freeMemoryMiB, machines }
}
