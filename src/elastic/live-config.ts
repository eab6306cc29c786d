import { isDeepStrictEqual } from 'node:util'
import { CausewayError } from '../base/errors.ts'
import type { ControllerConfig } from '../config/controller-schema.ts'
import { nodePlaces } from '../config/node-places.ts'
import type { Policy } from './plan/policy.ts'
import { PolicyClock } from './policy-clock.ts'
import { type PolicyChange, policyDiff } from './policy-diff.ts'
import { policyRules } from './policy-rules.ts'

/** What came of reading the configuration again. */
export interface ReloadReport {
  /** What changed in the policy; empty when nothing did. */
  readonly changes: readonly PolicyChange[]
  /** What the admin has to do for it to take effect everywhere; empty for most changes. */
  readonly todo: readonly string[]
}

/** The configuration that the controller runs by: its policy may change while it runs, all else needs a restart. */
export class LiveConfig {
  readonly #load: () => Promise<ControllerConfig>
  #current: ControllerConfig
  #clock: PolicyClock

  /** @param load reads and checks the file; rejects with all that is wrong with it */
  constructor(first: ControllerConfig, load: () => Promise<ControllerConfig>) {
    this.#load = load
    this.#current = first
    this.#clock = new PolicyClock(policyRules(first))
  }

  /** As it is now. Ask anew where it matters: it is replaced, never changed. */
  get current(): ControllerConfig {
    return this.#current
  }

  /** The rules in force at a time. */
  policyAt(now: number): Policy {
    return this.#clock.at(now)
  }

  /** When other rules come into force, ms since the epoch: may be early, never late; null: never. */
  changesAtMs(now: number): number | null {
    return this.#clock.nextChangeMs(now)
  }

  /** The windows in force at a time. */
  windowsAt(now: number): readonly string[] {
    return this.#clock.windowsInForce(now)
  }

  /**
   * Reads the file again and goes by it from then on, if it is right and only the policy differs. Otherwise nothing changes.
   * @throws CausewayError `InvalidConfig` with all that is wrong with the file, or what in it needs a restart
   */
  async reload(): Promise<ReloadReport> {
    const next = await this.#load()
    const fixed = fixedChanges(this.#current, next)
    if (fixed.length > 0) {
      const text = `nothing was reloaded: ${fixed.join(', ')} changed, which needs a restart of the controller`
      throw new CausewayError('InvalidConfig', text, { facts: { fixed } })
    }
    const clock = new PolicyClock(policyRules(next))
    const changes = policyDiff(this.#current, next)
    const todo = sizesToTell(this.#current, next)
    this.#current = next
    this.#clock = clock
    return { changes, todo }
  }
}

/** The places in the file that differ and that only a restart can follow. */
function fixedChanges(before: ControllerConfig, after: ControllerConfig): string[] {
  const changed: string[] = []
  const compare = (path: string, a: unknown, b: unknown) => {
    if (!isDeepStrictEqual(a, b)) changed.push(path)
  }
  for (const key of ['cluster', 'head', 'scheduler', 'controller'] as const) compare(key, before[key], after[key])
  for (const name of new Set([...Object.keys(before.sites), ...Object.keys(after.sites)])) {
    const [a, b] = [before.sites[name], after.sites[name]]
    if (!a || !b) changed.push(`sites.${name}`)
    else for (const key of ['gateway', 'cache', 'driver'] as const) compare(`sites.${name}.${key}`, a[key], b[key])
  }
  // Addresses of nodes that live follow from these.
  const places = new Map(nodePlaces(before).map((place) => [place.prefix, place]))
  for (const { prefix, site, type, pool } of nodePlaces(after)) {
    const old = places.get(prefix)
    places.delete(prefix)
    if (old && (old.pool !== pool || old.type !== type)) changed.push(`sites.${site}: the pool of ${type}`)
  }
  for (const { site, type } of places.values()) {
    if (after.sites[site]) changed.push(`sites.${site}: its type ${type} (a maximum of 0 empties it)`)
  }
  return changed
}

/**
 * What takes an admin. Every scheduler is told of new names by Causeway; but of cloud nodes that it knows, Slurm does not change
 * the size while it runs.
 */
function sizesToTell(before: ControllerConfig, after: ControllerConfig): string[] {
  if (after.scheduler.kind !== 'slurm' || after.scheduler.nodes !== 'cloud') return []
  const known = new Map(nodePlaces(before).map((place) => [place.prefix, place.settings]))
  const resized = nodePlaces(after).filter(({ prefix, settings }) => {
    const old = known.get(prefix)
    return old !== undefined && (old.cpus !== settings.cpus || old.memory !== settings.memory)
  })
  if (resized.length === 0) return []
  const which = resized.map(({ prefix, names }) => `${prefix}-1 to ${prefix}-${names}`).join(', ')
  return [
    `Slurm keeps the sizes that it has of ${which}: write its file anew (causeway slurm-nodes) and restart slurmctld`,
  ]
}
