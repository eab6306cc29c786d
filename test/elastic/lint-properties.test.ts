import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { lintPlan } from '../../src/elastic/plan/lint.ts'
import type { Finding } from '../../src/elastic/plan/lint-findings.ts'
import { plan } from '../../src/elastic/plan/plan.ts'
import { someWorld } from './some-world.ts'
import { now } from './world.ts'

/**
 * Where the planner is known to think differently: the linter holds these steps back. An entry goes when the planner waits by
 * itself; none is to be added.
 */
const disagreements: readonly ((finding: Finding) => boolean)[] = [
  // It removes what is `deleting` though the queue shows a job on it.
  ({ code, step }) => step?.kind === 'remove' && code === 'JobRunning',
  // It deletes a node that the queue powers down before the job on it has ended.
  ({ code, step, facts }) => step?.kind === 'move' && code === 'JobRunning' && facts.power === 'leaving',
  // It begins and takes over names while an act on the name is under way.
  ({ code, step }) => (step?.kind === 'begin' || step?.kind === 'adopt') && code === 'ActUnderWay',
  // It counts numbers, not lives, against a maximum that was lowered.
  ({ code, step, facts }) =>
    step?.kind === 'begin' && code === 'AboveMaximum' && Number(facts.have) > Number(facts.maximum),
]

test("the linter finds nothing in the planner's plans, whatever the world", () => {
  fc.assert(
    fc.property(someWorld, ({ obs, policy }) => {
      const findings = lintPlan(plan(obs, policy, now), obs, policy, now)
      const unexpected = findings.filter((finding) => !disagreements.some((known) => known(finding)))
      assert.deepEqual(unexpected, [])
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
