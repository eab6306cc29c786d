import { CausewayError } from '../../base/errors.ts'

/**
 * What this process knows of where machines may be, which matters for hosts that can't be read now. Only the controller
 * makes machines with its ids; so a host that was read has exactly what it showed, and what it was asked to make since.
 */
export class Whereabouts {
  readonly #hosts: ReadonlyMap<string, Knowledge>
  /** Machines that nobody had asked for before this process did; kept while there is a host that was never read. */
  readonly #ours = new Set<string>()

  /** @param hosts all hosts of the pool */
  constructor(hosts: Iterable<string>) {
    this.#hosts = new Map([...hosts].map((host) => [host, { shown: null, asked: new Map() }]))
  }

  /** Whether a host may have a machine; of one that was never read, anything may be true that this process did not begin. */
  mayHave(host: string, id: string): boolean {
    const { shown, asked } = this.#at(host)
    return asked.has(id) || (shown ? shown.has(id) : !this.#ours.has(id))
  }

  /** A machine is wanted for the first time: no host has it but those that are asked for it from now on. */
  begun(id: string): void {
    if (!this.#isAllRead()) this.#ours.add(id)
  }

  /** Whether a host was asked to make a machine and nobody knows what came of it. */
  isUncertain(host: string, id: string): boolean {
    return this.#at(host).asked.get(id) === 'unknown'
  }

  /** A host is asked to make a machine. */
  asked(host: string, id: string): void {
    this.#at(host).asked.set(id, 'under way')
  }

  /** How that ended: with an answer, after which the next reading shows the truth, or without one. */
  settled(host: string, id: string, outcome: 'answered' | 'unknown'): void {
    this.#at(host).asked.set(id, outcome)
  }

  /** Begins to read a host; what it was asked before and has answered is in what is then `shown`. */
  reading(host: string): (ids: readonly string[]) => void {
    const known = this.#at(host)
    const answered = [...known.asked].flatMap(([id, state]) => (state === 'answered' ? id : []))
    return (ids) => {
      known.shown = new Set(ids)
      if (this.#isAllRead()) this.#ours.clear()
      for (const id of answered) if (known.asked.get(id) === 'answered') known.asked.delete(id)
    }
  }

  /** A host has said that a machine is gone from it. */
  gone(host: string, id: string): void {
    const known = this.#at(host)
    known.shown?.delete(id)
    known.asked.delete(id)
  }

  #isAllRead(): boolean {
    return [...this.#hosts.values()].every(({ shown }) => shown !== null)
  }

  #at(host: string): Knowledge {
    const known = this.#hosts.get(host)
    if (!known) throw new CausewayError('Internal', `${host} is no host of the pool`)
    return known
  }
}

interface Knowledge {
  /** Machines that it showed when it was read last; null: it never was. */
  shown: Set<string> | null
  /** Machines that it was asked to make, and that may not have been shown yet. */
  readonly asked: Map<string, 'under way' | 'answered' | 'unknown'>
}
