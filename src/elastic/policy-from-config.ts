import type { ControllerConfig } from '../config/controller-schema.ts'
import type { Policy } from './plan/policy.ts'

/** The planner's policy out of the configuration file; sites come in the order of preference. */
export function policyFromConfig(config: ControllerConfig): Policy {
  const { deadlines, grace, breaker } = config.policy
  return {
    types: Object.entries(config.sites)
      .toSorted(([a, one], [b, other]) => one.order - other.order || a.localeCompare(b))
      .map(([name, site]) => ({
        site: name,
        type: 'standard',
        prefix: name,
        size: { cpus: site.nodes.cpus, memoryMiB: Math.floor(site.nodes.memory / 2 ** 20), gpus: 0 },
        features: [`site-${name}`, 'type-standard'],
        minimum: site.nodes.minimum,
        maximum: site.nodes.maximum,
        names: site.nodes.maximum,
        spare: 0,
        idleMs: site.nodes.idle,
        lifetimeMs: 0,
        billingMs: 0,
        costPerHour: 0,
      })),
    caps: [],
    budgets: [],
    placement: [],
    retry: { firstMs: 500, mostMs: 30_000 },
    deadlines: {
      createMs: deadlines.create,
      bootMs: deadlines.boot,
      installMs: deadlines.install,
      enrolMs: deadlines.enrol,
      drainMs: 86_400_000,
    },
    grace: { unreachableMs: grace.unreachable, orphanMs: grace.orphan },
    breaker: { failures: breaker.failures, cooldownMs: breaker.cooldown },
  }
}
