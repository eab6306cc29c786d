import { type NodeType, nodeTypes, setFor } from '../config/node-types.ts'
import type { PolicyFile, SetLimits } from '../config/policy-schema.ts'
import { type Budget, type Cap, type Policy, type TypePolicy, typeKey } from './plan/policy.ts'

/** A node type's rules with what the planner knows only by the order of the types. */
export interface TypeRules extends TypePolicy {
  /** Preference; lower comes first. */
  readonly order: number
}

/** The rules of one type that a window may change. */
export type TypeChanges = Partial<
  Pick<TypeRules, 'order' | 'minimum' | 'maximum' | 'spare' | 'idleMs' | 'lifetimeMs' | 'billingMs' | 'costPerHour'>
>

/** A budget without the period that is running. */
export type BudgetRule = Omit<Budget, 'startMs' | 'endMs'>

/** A time at which other rules hold. */
export interface WindowRules {
  readonly name: string
  /** When it begins. */
  readonly cron: string
  /** How long it is in force, ms. */
  readonly forMs: number
  /** What it changes, by `typeKey`. */
  readonly types: ReadonlyMap<string, TypeChanges>
  /** What stands in for the policy's caps and budgets; null: they stay. */
  readonly caps: readonly Cap[] | null
  readonly budgets: readonly BudgetRule[] | null
}

/** What a file says, in the planner's terms: all that does not depend on the time. */
export interface PolicyRules extends Omit<Policy, 'types' | 'budgets'> {
  /** In the order of the file. */
  readonly types: readonly TypeRules[]
  readonly budgets: readonly BudgetRule[]
  readonly windows: readonly WindowRules[]
  /** The zone of windows and budgets. */
  readonly timezone: string
  /** What costs and budgets are in; '' if the file does not say. */
  readonly currency: string
}

/** The rules of a checked file, or of the policy part of the controller's configuration. */
export function policyRules(file: Pick<PolicyFile, 'sites' | 'policy'>): PolicyRules {
  const { deadlines, retry, grace, breaker, paths, caps, budgets, placement, windows, timezone, currency } = file.policy
  const types = nodeTypes(file)
  return {
    timezone,
    currency: currency ?? '',
    types: types.map(typeRules),
    caps: caps.map(cap),
    budgets: budgets.map(budget),
    placement: placement.map(({ queue = '', feature = '', spread, sites }) => ({ queue, feature, spread, sites })),
    windows: windows.map(({ name, cron, for: forMs, set }) => ({
      name,
      cron,
      forMs,
      types: new Map(types.map((type) => [typeKey(type), changes(setFor(set, type.site, type.type))])),
      caps: set.caps?.map(cap) ?? null,
      budgets: set.budgets?.map(budget) ?? null,
    })),
    deadlines: {
      createMs: deadlines.create,
      bootMs: deadlines.boot,
      installMs: deadlines.install,
      enrolMs: deadlines.enrol,
      drainMs: deadlines.drain,
    },
    retry: { firstMs: retry.first, mostMs: retry.most },
    grace: { unreachableMs: grace.unreachable, orphanMs: grace.orphan, reuseMs: grace.reuse },
    breaker: { failures: breaker.failures, cooldownMs: breaker.cooldown },
    paths: { loss: paths.loss, rttMs: paths.rtt ?? Infinity },
  }
}

/** The rules of one type as the file has them, whatever the time. */
export function typeRules({ site, type, prefix, order, names, settings }: NodeType): TypeRules {
  return {
    site,
    type,
    prefix,
    order,
    names,
    size: { cpus: settings.cpus, memoryMiB: Math.floor(settings.memory / 2 ** 20), gpus: settings.gpus },
    features: [...new Set([`site-${site}`, `type-${type}`, ...settings.features])],
    minimum: settings.minimum,
    maximum: settings.maximum,
    spare: settings.spare,
    idleMs: settings.idle,
    lifetimeMs: settings.lifetime,
    billingMs: settings.billing,
    costPerHour: settings.cost,
  }
}

function changes(set: SetLimits): TypeChanges {
  const { order, minimum, maximum, spare, idle: idleMs, lifetime: lifetimeMs, billing: billingMs, cost } = set
  const all = { order, minimum, maximum, spare, idleMs, lifetimeMs, billingMs, costPerHour: cost }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

function cap({ user, account, queue, nodes }: PolicyFile['policy']['caps'][number]): Cap {
  if (user !== undefined) return { of: 'user', name: user, nodes }
  if (account !== undefined) return { of: 'account', name: account, nodes }
  return { of: 'queue', name: queue ?? '*', nodes }
}

function budget({ period, site, amount }: PolicyFile['policy']['budgets'][number]): BudgetRule {
  return { period, site: site ?? null, amount }
}
