import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { lintPlan } from '../../src/elastic/plan/lint.ts'
import { plan } from '../../src/elastic/plan/plan.ts'
import { someWorld } from './some-world.ts'
import { now } from './world.ts'

test("the linter finds nothing in the planner's plans, whatever the world", () => {
  fc.assert(
    fc.property(someWorld, ({ obs, policy }) => {
      assert.deepEqual(lintPlan(plan(obs, policy, now), obs, policy, now), [])
    }),
    { numRuns: 5000 },
  )
})

test('it reads and changes nothing but gives its opinion', () => {
  fc.assert(
    fc.property(someWorld, ({ obs, policy }) => {
      const made = plan(obs, policy, now)
      const before = structuredClone({ obs, made })
      const findings = lintPlan(made, obs, policy, now)
      assert.deepEqual(lintPlan(made, obs, policy, now), findings)
      assert.deepEqual({ obs, made }, before)
      for (const { step } of findings) assert.ok(step === null || made.steps.includes(step))
    }),
    { numRuns: 500 },
  )
})
