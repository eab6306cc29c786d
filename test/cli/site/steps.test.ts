import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CausewayError } from '../../../src/base/errors.ts'
import { type Step, showStep, walk } from '../../../src/cli/site/steps.ts'

describe('walk', () => {
  it('does one step after the other, stops at the first that fails, and tells of each', async () => {
    const done: string[] = []
    let now = 0
    const step = (name: string, tookMs: number): Step => ({
      name,
      run: () => {
        done.push(name)
        now += tookMs
        if (name === 'two') throw new CausewayError('HostUnreachable', 'nobody answers')
        return Promise.resolve(`${name} is done`)
      },
    })
    const told: string[] = []
    const steps = [step('one', 1200), step('two', 50), step('three', 1)]
    const { steps: reports, failure } = await walk(steps, { now: () => now }, (report) => told.push(showStep(report)))
    assert.deepEqual(done, ['one', 'two'])
    assert.deepEqual(told, [
      'ok      one: one is done (1.2 s)',
      'failed  two: nobody answers (0.1 s)',
      'open    three: not tried',
    ])
    assert.deepEqual(
      reports.map(({ outcome }) => outcome),
      ['ok', 'failed', 'open'],
    )
    assert.equal(failure?.code, 'HostUnreachable')
  })
})
