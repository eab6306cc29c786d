import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reasonPrefix } from '../../src/elastic/scheduler.ts'
import { idle, type Stage } from './scheduler-stage.ts'

/** What every scheduler must do with nodes whose machines are there. */
export function presentNodesContract(stage: Stage): void {
  const { rig, scheduler, places, node, job, facts, untilJob, untilGone, bringUp } = stage

  test('a drained idle node takes no job until the drain is cancelled', async () => {
    await bringUp('east-1')
    await bringUp('east-2')
    await scheduler.drain(['east-1'], 'idle for long')
    await scheduler.drain(['east-1'], 'another reason')
    const drained = await scheduler.snapshot()
    assert.deepEqual(facts(drained, 'east-1'), { ...idle, drained: true, reason: `${reasonPrefix} idle for long` })
    const id = await rig.submit({ runMs: 60_000 })
    assert.deepEqual(job(await untilJob(id, 'running'), id).nodes, ['east-2'])
    await scheduler.cancelDrain(['east-1'])
    await scheduler.cancelDrain(['east-1'])
    const next = await rig.submit({ runMs: 300 })
    assert.deepEqual(job(await untilJob(next, 'ended'), next).nodes, ['east-1'])
  })

  test('a drain lets the running job end, and cancelling it does too', async () => {
    await bringUp('east-1')
    const id = await rig.submit({ runMs: 'until finished' })
    await untilJob(id, 'running')
    await scheduler.drain(['east-1'], 'to shrink')
    const draining = await scheduler.snapshot()
    assert.deepEqual(facts(draining, 'east-1'), {
      ...idle,
      busy: true,
      drained: true,
      reason: `${reasonPrefix} to shrink`,
    })
    assert.equal(job(draining, id).state, 'running')
    await scheduler.cancelDrain(['east-1'])
    const after = await rig.until('the drain is gone', (q) => !node(q, 'east-1').drained)
    assert.equal(job(after, id).state, 'running')
    await rig.finish()
    await untilJob(id, 'ended')
  })

  test('an idle node that nobody drained is powered down too', async () => {
    await bringUp('east-1')
    await scheduler.powerDown(['east-1'])
    await untilGone('east-1')
  })

  test('powering down a busy node does not hurt its job', async () => {
    await bringUp('east-1')
    const id = await rig.submit({ runMs: 'until finished' })
    await untilJob(id, 'running')
    await scheduler.powerDown(['east-1'])
    const asked = await rig.until(
      'it is to leave',
      (q) => node(q, 'east-1').power !== 'present' || node(q, 'east-1').busy,
    )
    assert.equal(job(asked, id).state, 'running')
    await rig.finish()
    assert.deepEqual(job(await untilJob(id, 'ended'), id).nodes, ['east-1'])
    await untilGone('east-1')
  })

  test('a job whose machine died runs again elsewhere when its node is failed', async () => {
    await bringUp('east-1')
    const id = await rig.submit({ runMs: 'until finished' })
    await untilJob(id, 'running')
    await rig.machineLost('east-1')
    await scheduler.fail(['east-1'], 'machine lost')
    if (places === 'scheduler') {
      await rig.until('the job waits elsewhere', (q) => job(q, id).nodes[0] === 'east-2')
      const gone = await rig.until('east-1 is absent', (q) => node(q, 'east-1').power === 'absent')
      assert.deepEqual(
        [node(gone, 'east-1').drained, node(gone, 'east-1').reason],
        [true, `${reasonPrefix} machine lost`],
      )
    } else {
      const back = await untilJob(id, 'pending')
      assert.deepEqual([job(back, id).blocked, back.nodes], [null, []])
    }
    await rig.machineUp('east-2')
    await untilJob(id, 'running')
    await rig.finish()
    await untilJob(id, 'ended')
  })

  test('while the scheduler is away every call rejects, and nothing is concluded', async () => {
    await bringUp('east-1')
    const before = (await scheduler.snapshot()).nodes.map((candidate) => candidate.name)
    await rig.whileAway(async () => {
      await Promise.all([
        assert.rejects(scheduler.snapshot(), { code: 'SchedulerUnreachable' }),
        assert.rejects(scheduler.drain(['east-1'], 'told nobody'), { code: 'SchedulerUnreachable' }),
        assert.rejects(scheduler.hold(['1'], 'told nobody'), { code: 'SchedulerUnreachable' }),
      ])
    })
    const queue = await scheduler.snapshot()
    assert.deepEqual(queue.nodes.map((candidate) => candidate.name).sort(), before.sort())
    assert.ok(queue.nodes.every((candidate) => !candidate.reason.includes('told nobody')))
  })

  test('what ran on a machine that boots again is not ended by that, and goes back to the queue when the node is failed', async () => {
    await bringUp('east-1')
    const id = await rig.submit({ runMs: 'until finished', features: 'site-east' })
    await untilJob(id, 'running')
    await scheduler.close(['east-2'], 'so that it does not go there')
    await rig.machineReboots('east-1')
    const booted = await rig.until('the node answers', (q) => node(q, 'east-1').responding)
    const { power, drained, down } = node(booted, 'east-1')
    assert.deepEqual({ power, drained, down }, { power: 'present', drained: false, down: false })
    // How soon the scheduler misses the job differs: at once, or after minutes.
    assert.ok(['running', 'pending'].includes(job(booted, id).state))
    await scheduler.fail(['east-1'], 'booted again')
    const back = await untilJob(id, 'pending')
    assert.deepEqual([job(back, id).nodes, job(back, id).startedAtMs], [[], null])
    await rig.until('it may start at once', (q) => job(q, id).blocked === null)
    await untilGone('east-1', { drained: true, reason: `${reasonPrefix} booted again` })
  })

  test('a scheduler that starts again from what it had saved has forgotten what it was told since', async () => {
    await bringUp('east-1')
    const running = await rig.submit({ runMs: 'until finished', features: 'site-east' })
    await untilJob(running, 'running')
    const held = await rig.submit({ nodes: 2, features: 'site-east' })
    await scheduler.hold([held], 'cap')
    const waiting = await rig.submit({ nodes: 2, features: 'site-east' })
    const restart = await rig.checkpoint()
    await scheduler.drain(['east-1'], 'to shrink')
    await scheduler.release([held])
    await scheduler.hold([waiting], 'cap')
    const told = await scheduler.snapshot()
    assert.deepEqual([node(told, 'east-1').drained, job(told, held).blocked], [true, null])
    assert.equal(job(told, waiting).blocked, 'HeldByCauseway')
    await restart()
    const queue = await rig.until('the node answers', (q) => node(q, 'east-1').responding)
    assert.deepEqual(facts(queue, 'east-1'), { ...idle, busy: true })
    assert.equal(job(queue, running).state, 'running')
    assert.equal(job(queue, held).blocked, 'HeldByCauseway')
    assert.equal(job(queue, waiting).blocked, null)
    await rig.finish()
    await untilJob(running, 'ended')
  })
}
