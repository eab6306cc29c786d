import type { Clock } from '../../base/clock.ts'
import { CausewayError } from '../../base/errors.ts'
import type { Host } from '../../base/host.ts'
import { HostScript } from '../../base/host-script.ts'
import type { LibvirtConfig } from '../../config/drivers/libvirt.ts'
import { Batcher, type Pending } from '../batcher.ts'
import { type Inventory, parseInventory } from './inventory.ts'
import {
  type Answer,
  type CreateRequest,
  type DeleteWay,
  parseAnswers,
  renderCreate,
  renderDelete,
} from './requests.ts'

/** How the script is called at every host of a pool. */
export interface PoolHostOptions {
  readonly config: LibvirtConfig
  /** Folder on the hosts that holds the machines. */
  readonly root: string
  /** Folder on the hosts for the script that does the work there. */
  readonly bin: string
  /** Seconds until a libvirtd that does not answer is given up. */
  readonly patienceS: number
  readonly clock: Clock
  /** How long a deletion waits for others, to be done in one exchange with them. */
  readonly windowMs: number
}

/** What a call may take longer than the libvirtd that it waits for, and for each of its machines. */
const callMs = 60_000
const machineMs = 10_000

/** A host of the pool, and the script that works on its machines: each call is one exchange, for however many machines. */
export class PoolHost {
  readonly name: string
  readonly host: Host
  readonly #options: PoolHostOptions
  readonly #script: HostScript
  readonly #deletions: Batcher<{ readonly id: string; readonly way: DeleteWay }, 'stopping' | 'gone'>

  constructor(name: string, host: Host, options: PoolHostOptions) {
    this.name = name
    this.host = host
    this.#options = options
    this.#script = new HostScript(host, 'scripts/site/causeway-libvirt', options.bin)
    this.#deletions = new Batcher((batch) => this.#deleteAll(batch), options.clock, options.windowMs)
  }

  /**
   * Reads the host.
   * @param files paths of which it is to say whether they are there
   */
  async inventory(files: readonly string[] = []): Promise<Inventory> {
    const questions = files.map((file) => `file ${file}\n`).join('')
    const kvm = this.#options.config.accelerator === 'tcg' ? '' : 'kvm\n'
    return parseInventory(await this.#call(['inventory'], `${questions}${kvm}end\n`, 0))
  }

  /** Makes machines, and says of each what became of it. */
  async create(requests: readonly CreateRequest[]): Promise<ReadonlyMap<string, Answer>> {
    const text = requests.map((request) => renderCreate(request, this.#options.config)).join('')
    return parseAnswers(await this.#call(['create'], `${text}end\n`, requests.length), this.name)
  }

  /** Deletes a machine, or asks it to shut down; whoever calls within a moment shares an exchange. */
  async delete(id: string, way: DeleteWay): Promise<'stopping' | 'gone'> {
    return await this.#deletions.add({ id, way })
  }

  async console(id: string): Promise<string> {
    return await this.#call(['console', id], '', 0)
  }

  async #deleteAll(batch: readonly Pending<{ id: string; way: DeleteWay }, 'stopping' | 'gone'>[]): Promise<void> {
    const lines = batch.map(({ item: { id, way } }) => renderDelete(id, way)).join('')
    const answers = parseAnswers(await this.#call(['delete'], `${lines}end\n`, batch.length), this.name)
    for (const { item, resolve, reject } of batch) {
      const answer = answers.get(item.id)
      if (answer?.word === 'stopping' || answer?.word === 'gone') resolve(answer.word)
      else reject(answer?.word === 'failed' ? answer.error : this.noWord(item.id))
    }
  }

  /** The error that the script said nothing, or nothing fitting, of a machine. */
  noWord(id: string): CausewayError {
    return new CausewayError('MalformedOutput', `${this.name}: no word of machine ${id}`, {
      facts: { host: this.name, id },
    })
  }

  #call(command: readonly string[], stdin: string, machines: number): Promise<string> {
    const { root, patienceS } = this.#options
    const timeoutMs = callMs + patienceS * 2000 + machines * machineMs
    return this.#script.call([root, String(patienceS), ...command], stdin, timeoutMs)
  }
}
