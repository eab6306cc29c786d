import type { ControllerConfig } from '../config/controller-schema.ts'
import type { Policy } from './plan/policy.ts'
import { PolicyClock } from './policy-clock.ts'
import { policyRules } from './policy-rules.ts'

/** The policy of the configuration file as it is now; for what stays true later ask a `PolicyClock`. */
export function policyFromConfig(config: ControllerConfig, nowMs = Date.now()): Policy {
  return new PolicyClock(policyRules(config)).at(nowMs)
}
