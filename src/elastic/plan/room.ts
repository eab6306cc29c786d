import type { Context } from './context.ts'
import { Ledger } from './cost.ts'
import { growingPhases } from './phases.ts'
import { nodeName, type TypePolicy, typeKey } from './policy.ts'
import { isStale } from './stale.ts'
import type { Reason } from './steps.ts'

/** What may still be begun in a round: it shrinks as nodes are begun. */
export class Room {
  readonly ledger: Ledger
  readonly #ctx: Context
  readonly #lives: Map<string, number>
  readonly #growing = new Map<string, number>()
  readonly #names = new Map<string, readonly string[]>()
  readonly #taken = new Map<string, number>()
  readonly #named = new Map<string, number>()

  constructor(ctx: Context) {
    this.#ctx = ctx
    this.ledger = new Ledger(ctx)
    this.#lives = new Map(ctx.lives)
    for (const node of ctx.obs.nodes) {
      if (growingPhases.has(node.phase)) add(this.#growing, typeKey(node), 1)
    }
  }

  /** Why no node of the type may be begun now; null if one may. `ProbeUnderWay` says: not yet. */
  refusal(type: TypePolicy, untilMs: number): Reason | null {
    const ctx = this.#ctx
    const key = typeKey(type)
    if (ctx.closed(type)) return { code: 'SiteClosed', text: `${key} is closed after failures` }
    const drained = ctx.drained(type.site)
    if (drained) return drained
    const cutOff = ctx.paths.cutOff(type.site)
    if (cutOff) return cutOff
    const lives = this.#lives.get(key) ?? 0
    if (lives >= type.maximum) {
      const text =
        lives > type.maximum
          ? `${key} may have ${type.maximum} nodes and has ${lives}`
          : `${key} has its maximum of ${type.maximum} nodes`
      return { code: 'AboveMaximum', text, facts: { maximum: type.maximum, lives } }
    }
    if (ctx.halfOpen(type) && (this.#growing.get(key) ?? 0) > 0) {
      return { code: 'ProbeUnderWay', text: `${key} failed before and is tried with one node first` }
    }
    if (ctx.obs.places === 'causeway' && (this.#taken.get(key) ?? 0) >= this.#freeNames(type).length) {
      return { code: 'AboveMaximum', text: `the names of ${key} that are free rest after their last lives` }
    }
    return this.unpaid(type, untilMs, 1)
  }

  /** What budget does not pay for so many nodes of the type, as a reason; null if they are paid for. */
  unpaid(type: TypePolicy, untilMs: number, count: number): Reason | null {
    const budget = this.ledger.refuses(type, untilMs, count)
    if (!budget) return null
    const { period, site, amount } = budget
    const what = count === 1 ? 'one more node' : `${count} more nodes`
    const text = `${what} of ${typeKey(type)} would exceed the ${period}'s budget of ${amount}${site ? ` for ${site}` : ''}`
    return { code: 'OverBudget', text, facts: { period, site, amount } }
  }

  /** A node of the type is begun. Returns what takes that back. */
  take(type: TypePolicy, untilMs: number): () => void {
    const count = (sign: 1 | -1) => {
      this.ledger.add(type, untilMs, sign)
      add(this.#lives, typeKey(type), sign)
      add(this.#growing, typeKey(type), sign)
      add(this.#taken, typeKey(type), sign)
    }
    count(1)
    return () => count(-1)
  }

  /** The next free name of a type, for nodes whose names are ours to choose; null when all are taken or rest. */
  nextName(type: TypePolicy): string | null {
    const index = this.#named.get(typeKey(type)) ?? 0
    this.#named.set(typeKey(type), index + 1)
    return this.#freeNames(type)[index] ?? null
  }

  #freeNames(type: TypePolicy): readonly string[] {
    const known = this.#names.get(typeKey(type))
    if (known) return known
    const { obs, now, policy, alive, queueNodes } = this.#ctx
    const free: string[] = []
    const machines = obs.sites.get(type.site)
    const inUse = new Set(machines?.ok ? machines.value.map((machine) => machine.name) : [])
    this.#names.set(typeKey(type), free)
    for (let k = 1; k <= type.maximum; k++) {
      const name = nodeName(type.prefix, k)
      const restsUntilMs = Math.max(
        (obs.lastFailureMs.get(name) ?? -Infinity) + policy.breaker.cooldownMs,
        (obs.lastGoneMs?.get(name) ?? -Infinity) + policy.grace.reuseMs,
      )
      if (alive.has(name) || queueNodes.has(name) || now < restsUntilMs || inUse.has(name)) continue
      if (!isStale(name, obs.queue.startedAtMs, this.#ctx)) free.push(name)
    }
    return free
  }
}

function add(counts: Map<string, number>, key: string, more: number): void {
  counts.set(key, (counts.get(key) ?? 0) + more)
}
