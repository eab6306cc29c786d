import assert from 'node:assert/strict'
import { test } from 'node:test'
import { all, idle, type Stage } from './scheduler-stage.ts'

/** What a scheduler must do that knows a node only while its machine is registered: Causeway makes nodes for its jobs. */
export function registeredNodesContract(stage: Stage): void {
  const { rig, scheduler, node, job, facts, untilJob, untilLookedAt, untilGone, bringUp } = stage

  test('a job waits until a node is there, and runs on it', async () => {
    const id = await rig.submit({ runMs: 300, features: 'site-east' })
    const waiting = await untilLookedAt(id)
    assert.deepEqual([job(waiting, id).state, job(waiting, id).blocked, waiting.nodes], ['pending', null, []])
    await bringUp('west-1')
    await rig.machineUp('east-1')
    assert.deepEqual(job(await untilJob(id, 'ended'), id).nodes, ['east-1'])
    assert.deepEqual(rig.resumed(), [])
  })

  test('a job for two nodes starts when both are there', async () => {
    const id = await rig.submit({ nodes: 2, runMs: 300 })
    await bringUp('east-1')
    assert.equal(job(await untilLookedAt(id), id).state, 'pending')
    await rig.machineUp('west-1')
    assert.deepEqual([...job(await untilJob(id, 'ended'), id).nodes].sort(), ['east-1', 'west-1'])
  })

  test('a node is unknown before its machine registers, and after it is powered down, drained or not', async () => {
    assert.deepEqual((await scheduler.snapshot()).nodes, [])
    await bringUp('east-1')
    assert.deepEqual(facts(await scheduler.snapshot(), 'east-1'), idle)
    await scheduler.drain(['east-1'], 'idle')
    await scheduler.powerDown(['east-1'])
    await untilGone('east-1')
    await scheduler.powerDown(['east-1'])
    await bringUp('east-1')
    assert.deepEqual(facts(await scheduler.snapshot(), 'east-1'), idle)
  })

  test('names without a node are accepted, and nothing comes of them', async () => {
    await scheduler.powerUp(all)
    await scheduler.close(all, 'x')
    await scheduler.drain(all, 'x')
    await scheduler.cancelDrain(all)
    await scheduler.reopen(all)
    await scheduler.fail(all, 'x')
    await scheduler.powerDown([...all, 'nowhere-9'])
    assert.deepEqual((await scheduler.snapshot()).nodes, [])
    await bringUp('east-1')
    assert.deepEqual(facts(await scheduler.snapshot(), 'east-1'), idle)
  })

  test("an admin's drain is left as it is", async () => {
    await bringUp('east-1')
    await rig.adminDrain('east-1', 'broken disk')
    await scheduler.drain(['east-1'], 'x')
    await scheduler.cancelDrain(['east-1'])
    await scheduler.close(['east-1'], 'x')
    await scheduler.reopen(['east-1'])
    assert.deepEqual(facts(await scheduler.snapshot(), 'east-1'), { ...idle, drained: true, reason: 'broken disk' })
    const id = await rig.submit({})
    assert.equal(job(await untilLookedAt(id), id).state, 'pending')
    assert.equal(node(await scheduler.snapshot(), 'east-1').busy, false)
  })

  test('jobs that do not want a node for themselves share it as far as its size goes', async () => {
    await bringUp('east-1')
    const half = { exclusive: false, perNode: { cpus: 1 }, runMs: 60_000 }
    const ids = [await rig.submit(half), await rig.submit(half), await rig.submit(half)]
    await untilJob(ids[1] ?? '', 'running')
    const queue = await untilLookedAt(ids[2] ?? '')
    assert.deepEqual(
      ids.map((id) => job(queue, id).state),
      ['running', 'running', 'pending'],
    )
  })
}
