import type { ControllerConfig } from '../config/controller-schema.ts'
import type { Policy } from './plan/policy.ts'

/** The planner's policy out of the configuration file; sites come in the order of preference. */
export function policyFromConfig(config: ControllerConfig): Policy {
  const { deadlines, grace, breaker } = config.policy
  return {
    sites: Object.entries(config.sites)
      .toSorted(([a, one], [b, other]) => one.order - other.order || a.localeCompare(b))
      .map(([name, site]) => ({
        name,
        minimum: site.nodes.minimum,
        maximum: site.nodes.maximum,
        idleMs: site.nodes.idle,
      })),
    deadlines: {
      createMs: deadlines.create,
      bootMs: deadlines.boot,
      installMs: deadlines.install,
      enrolMs: deadlines.enrol,
    },
    grace: { unreachableMs: grace.unreachable, orphanMs: grace.orphan },
    breaker: { failures: breaker.failures, cooldownMs: breaker.cooldown },
  }
}
