import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CausewayError } from '../../src/base/errors.ts'
import { silentLog } from '../../src/base/log.ts'
import { Explainer } from '../../src/elastic/explainer.ts'
import type { JobReason } from '../../src/elastic/plan/steps.ts'

function stage() {
  const calls: Record<string, string>[] = []
  const state = { now: 1_000_000, fault: null as CausewayError | null }
  const scheduler = {
    async explain(texts: ReadonlyMap<string, string>) {
      if (state.fault) throw state.fault
      calls.push(Object.fromEntries(texts))
    },
  }
  const clock = { now: () => state.now, sleep: () => new Promise<void>(() => undefined) }
  const explainer = new Explainer(scheduler, clock, silentLog)
  const tell = async (...jobs: JobReason[]) => {
    state.now += 10_000
    explainer.tell({ jobs })
    await explainer.idle()
    return calls.splice(0)
  }
  return { state, explainer, calls, tell }
}

const waits = (job: string, text = 'for 3 s'): JobReason => ({ job, code: 'NodesComing', text })

describe('the queue is told why jobs wait', () => {
  it('once, and again when the kind of the reason changes', async () => {
    const { tell } = stage()
    assert.deepEqual(await tell(waits('1')), [{ 1: 'NodesComing: for 3 s' }])
    assert.deepEqual(await tell(waits('1', 'for 13 s')), [])
    const busy = { job: '1', code: 'AllNodesBusy', text: 'x' } as const
    assert.deepEqual(await tell(busy), [{ 1: 'AllNodesBusy: x' }])
    assert.deepEqual(await tell({ job: '1', code: 'Running', text: 'on east-1' }), [{ 1: 'Running: on east-1' }])
  })

  it('but not of jobs that ran at once or are over, and anew of an id that comes back', async () => {
    const { tell } = stage()
    const running = { job: '1', code: 'Running', text: 'x' } as const
    assert.deepEqual(await tell(running, { job: '2', code: 'Ended', text: 'x' }, waits('3')), [
      { 3: 'NodesComing: for 3 s' },
    ])
    assert.deepEqual(await tell(), [])
    assert.deepEqual(await tell(waits('3')), [{ 3: 'NodesComing: for 3 s' }])
  })

  it('a few at a time, the head of the queue first, each in a short text', async () => {
    const { tell } = stage()
    const many = Array.from({ length: 450 }, (_, k) => waits(String(k), 'x'.repeat(500)))
    const counts: number[] = []
    for (let round = 0; round < 4; round++) {
      const [texts] = await tell(...many)
      counts.push(Object.keys(texts ?? {}).length)
      if (round === 0) assert.deepEqual([texts?.['0']?.length, texts?.['199']?.length], [200, 200])
    }
    assert.deepEqual(counts, [200, 200, 50, 0])
  })

  it('not more often than every ten seconds, and again after a failure', async () => {
    const { state, explainer, calls, tell } = stage()
    state.fault = new CausewayError('SchedulerUnreachable', 'away')
    assert.deepEqual(await tell(waits('1')), [])
    state.fault = null
    explainer.tell({ jobs: [waits('1')] })
    await explainer.idle()
    assert.deepEqual(calls, [])
    assert.deepEqual(await tell(waits('1')), [{ 1: 'NodesComing: for 3 s' }])
  })
})
