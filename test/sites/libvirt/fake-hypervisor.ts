import { CausewayError } from '../../../src/base/errors.ts'
import type { ExecOptions, ExecResult, Host } from '../../../src/base/host.ts'
import { inventoryText } from './inventory-sample.ts'

/** How the script answers for a machine: as usual, or with a status and words, or not at all. */
export type Outcome = 'usual' | 'silence' | readonly [status: number, message: string]

/**
 * A hypervisor host whose script is this class: it keeps machines as the script would, writes down what it was asked, and
 * fails as it is told. What the script really does is tried on libvirt itself, by the driver's contract.
 */
export class FakeHypervisor implements Host {
  readonly name: string
  /** Machines by id, and whether they run. */
  readonly machines = new Map<string, { state: number; createdAtMs: number }>()
  /** The calls since the beginning: `create a-1 a-2`, `delete a-1 soft`, `inventory`. */
  readonly calls: string[] = []
  /** The last request to create a machine, by its id. */
  readonly requests = new Map<string, string>()
  files: readonly string[] = ['/images/base.qcow2']
  kvm = 'not tried'
  outcome: (id: string) => Outcome = () => 'usual'
  /** Machines go on running when they are asked to shut down. */
  isDeaf = false
  isDark = false
  /** The connection breaks after the script has made machines. */
  losesAnswers = false
  /** What the script ends with; 0: it works. */
  status = 0
  /** Something else than an inventory. */
  nonsense: string | null = null

  constructor(name: string) {
    this.name = name
  }

  exec(argv: readonly string[], { stdin = '' }: ExecOptions = {}): Promise<ExecResult> {
    if (this.isDark) return Promise.reject(new CausewayError('HostUnreachable', `${this.name}: dark`))
    if (argv[0] === 'sh') return ended('') // the script is put in its place
    if (this.status !== 0) return ended('', this.status, 'libvirtd does not answer')
    const stdout = this.#run(argv.slice(3), String(stdin).split('\n'))
    if (this.losesAnswers && argv[3] === 'create')
      return Promise.reject(new CausewayError('HostUnreachable', `${this.name}: it broke`))
    return ended(stdout)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  /** How often a command was called. */
  count(command: string): number {
    return this.calls.filter((call) => call.startsWith(command)).length
  }

  #run([command = '', subject = '']: readonly string[], lines: readonly string[]): string {
    const machines = lines.flatMap((line) => (line.startsWith('machine ') ? [line.split(' ').slice(1)] : []))
    if (command === 'inventory') {
      this.calls.push(command)
      const files = lines.filter((line) => line.startsWith('file ') && this.files.includes(line.slice(5)))
      const asked = lines.includes('kvm') ? this.kvm : 'not tried'
      const printed = [...this.machines].map(([id, machine]) => ({ id, ...machine }))
      return this.nonsense ?? inventoryText(printed, [`kvm ${asked}`, ...files])
    }
    if (command === 'console') return this.machines.has(subject) ? `words of ${subject}\n` : ''
    if (command === 'delete') {
      this.calls.push(`delete ${machines.map(([id, , way]) => `${id} ${way}`).join(' ')}`)
      return machines.map(([id = '', , way]) => `${this.#delete(id, way)}\n`).join('')
    }
    this.calls.push(`create ${machines.map(([id]) => id).join(' ')}`)
    const whole = lines.join('\n')
    return machines
      .map(([id = '']) =>
        this.#create(
          id,
          whole.split('machine ').find((part) => part.startsWith(`${id} `)),
        ),
      )
      .join('')
  }

  #create(id: string, request = ''): string {
    this.requests.set(id, request)
    const outcome = this.outcome(id)
    if (outcome === 'silence') return ''
    if (outcome !== 'usual') return `failed ${id} ${outcome[0]} ${Buffer.from(outcome[1]).toString('base64')}\n`
    if (this.machines.get(id)?.state === 1) return `runs ${id}\n`
    const createdAtMs = Number(/^stamp \S+ \S+ (\d+)$/m.exec(request)?.[1])
    this.machines.set(id, { state: 1, createdAtMs })
    return `ok ${id}\n`
  }

  #delete(id: string, way: string | undefined): string {
    if (way === 'soft' && this.machines.get(id)?.state === 1) {
      if (!this.isDeaf) this.machines.set(id, { state: 5, createdAtMs: 0 })
      return `stopping ${id}`
    }
    this.machines.delete(id)
    return `gone ${id}`
  }
}

function ended(stdout: string, code = 0, stderr = ''): Promise<ExecResult> {
  return Promise.resolve({ code, stdout, stderr })
}
