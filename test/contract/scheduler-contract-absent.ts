import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reasonPrefix } from '../../src/elastic/scheduler.ts'
import { absent, all, idle, type Stage } from './scheduler-stage.ts'

/** A node of which the scheduler is not told beforehand. */
const north = {
  name: 'north-1',
  address: '10.231.6.31',
  site: 'north',
  type: 'standard',
  size: { cpus: 2, memoryMiB: 500, gpus: 0 },
  features: ['site-north', 'fast'],
  rank: 3,
}

/** What a scheduler must do that knows absent nodes and asks for their machines. */
export function absentNodesContract(stage: Stage): void {
  const { rig, scheduler, node, job, facts, untilJob, untilPower, bringUp } = stage

  test('a job is placed on the preferred absent node, waits for its machine, runs and ends', async () => {
    const id = await rig.submit({ runMs: 'until finished' })
    // Jobs and nodes are read one beside the other, so that one list may be a moment older.
    const waiting = await rig.until(
      'a machine is wanted for the job',
      (q) => node(q, 'east-1').power === 'wanted' && job(q, id).state === 'starting',
    )
    assert.deepEqual(job(waiting, id).nodes, ['east-1'])
    assert.equal(job(waiting, id).startedAtMs, null)
    assert.equal(node(waiting, 'east-1').busy, true)
    assert.equal(node(waiting, 'east-1').responding, false)
    assert.deepEqual(node(waiting, 'east-1').features, ['site-east'])
    await rig.until('the hook was called', () => rig.resumed().includes('east-1'))
    await rig.machineUp('east-1')
    const running = await untilJob(id, 'running')
    assert.equal(node(running, 'east-1').power, 'present')
    assert.equal(node(running, 'east-1').responding, true)
    await rig.finish()
    const ended = await untilJob(id, 'ended')
    const { nodes, startedAtMs, endedAtMs, submittedAtMs, blocked } = job(ended, id)
    assert.deepEqual(nodes, ['east-1'])
    assert.ok(startedAtMs !== null && endedAtMs !== null && submittedAtMs <= startedAtMs && startedAtMs <= endedAtMs)
    assert.equal(blocked, null)
    await rig.until('the node is idle again', (q) => !node(q, 'east-1').busy)
  })

  test('a job for two nodes starts when both are there', async () => {
    const id = await rig.submit({ nodes: 2, runMs: 300 })
    const waiting = await rig.until(
      'both are wanted for the job',
      (q) => ['east-1', 'east-2'].every((n) => node(q, n).power === 'wanted') && job(q, id).state === 'starting',
    )
    assert.deepEqual([...job(waiting, id).nodes].sort(), ['east-1', 'east-2'])
    await rig.machineUp('east-1')
    const half = await untilPower('east-1', 'present')
    assert.equal(job(half, id).state, 'starting')
    await rig.machineUp('east-2')
    await untilJob(id, 'ended')
  })

  test('a node that the scheduler does not know is registered while it runs, asked for, and runs a job', async () => {
    if (!scheduler.capabilities.registers) return assert.rejects(scheduler.register([north]))
    await scheduler.register([])
    await scheduler.register([north])
    const known = await scheduler.snapshot()
    assert.deepEqual(facts(known, 'north-1'), absent)
    assert.deepEqual(node(known, 'north-1').features, ['site-north', 'fast'])
    await scheduler.register([north])
    assert.deepEqual((await scheduler.snapshot()).nodes, known.nodes)
    const id = await rig.submit({ runMs: 'until finished', features: 'site-north' })
    await rig.until('the hook asks for it', () => rig.resumed().includes('north-1'))
    await rig.machineUp('north-1')
    const running = await untilJob(id, 'running')
    assert.deepEqual(job(running, id).nodes, ['north-1'])
    await scheduler.register([north])
    assert.equal(node(await scheduler.snapshot(), 'north-1').power, 'present')
    await rig.finish()
    await untilJob(id, 'ended')
    await scheduler.drain(['north-1'], 'idle')
    await scheduler.powerDown(['north-1'])
    await rig.machineLost('north-1')
    assert.deepEqual(facts(await untilPower('north-1', 'absent'), 'north-1'), absent)
  })

  test('a registered node has the features of its latest registration', async () => {
    if (!scheduler.capabilities.registers) return assert.rejects(scheduler.register([north]))
    await scheduler.register([north])
    await scheduler.register([{ ...north, features: ['site-north', 'faster'] }])
    // Others stay: somebody else may have given them.
    await rig.until('it has them', (q) => node(q, 'north-1').features.includes('faster'))
    const id = await rig.submit({ features: 'faster' })
    assert.deepEqual(job(await untilJob(id, 'starting'), id).nodes, ['north-1'])
  })

  test('a job that no node is free for stays pending and eligible', async () => {
    await scheduler.close(all, 'closed')
    const id = await rig.submit({})
    const queue = await rig.until('it was looked at', (q) => job(q, id).reason !== '')
    const { state, blocked, nodes, nodeCount, count } = job(queue, id)
    assert.deepEqual(
      { state, blocked, nodes, nodeCount, count },
      { state: 'pending', blocked: null, nodes: [], nodeCount: 1, count: 1 },
    )
  })

  test('powerUp asks for machines without a job, and only for absent nodes that may be used', async () => {
    await rig.adminDrain('east-2', 'broken disk')
    await scheduler.powerUp(['east-1', 'east-2'])
    await scheduler.powerUp(['east-1'])
    await rig.until('the hook asks for it', () => rig.resumed().includes('east-1'))
    await rig.machineUp('east-1')
    const queue = await rig.until('it is there', (q) => node(q, 'east-1').responding)
    assert.deepEqual(facts(queue, 'east-1'), idle)
    assert.equal(node(queue, 'east-2').power, 'absent')
    assert.deepEqual(rig.resumed(), ['east-1'])
  })

  test('a drain leaves a node alone that powers up for a job', async () => {
    const id = await rig.submit({ runMs: 300 })
    await untilPower('east-1', 'wanted')
    await scheduler.drain(['east-1'], 'to shrink')
    assert.equal(node(await scheduler.snapshot(), 'east-1').drained, false)
    await rig.machineUp('east-1')
    await untilJob(id, 'ended')
  })

  test("an admin's drain is left as it is by every call", async () => {
    await bringUp('east-1')
    await rig.adminDrain('east-1', 'broken disk')
    await rig.adminDrain('west-1', 'being moved')
    for (const name of ['east-1', 'west-1']) {
      await scheduler.drain([name], 'x')
      await scheduler.cancelDrain([name])
      await scheduler.close([name], 'x')
      await scheduler.reopen([name])
    }
    const before = await scheduler.snapshot()
    assert.deepEqual(facts(before, 'east-1'), { ...idle, drained: true, reason: 'broken disk' })
    assert.deepEqual(facts(before, 'west-1'), { ...absent, drained: true, reason: 'being moved' })
    await scheduler.powerDown(['east-1'])
    await scheduler.fail(['west-1'], 'x')
    const gone = await untilPower('east-1', 'absent')
    assert.deepEqual(facts(gone, 'east-1'), { ...absent, drained: true, reason: 'broken disk' })
    assert.deepEqual(facts(gone, 'west-1'), { ...absent, drained: true, reason: 'being moved' })
  })

  for (const dead of [false, true]) {
    test(`a drained node whose machine ${dead ? 'is gone' : 'is there'} is powered down and can be asked for again`, async () => {
      await bringUp('east-1')
      await scheduler.drain(['east-1'], 'idle')
      if (dead) await rig.machineLost('east-1')
      await scheduler.powerDown(['east-1'])
      await scheduler.powerDown(['east-1'])
      await rig.until('it leaves', (q) => ['leaving', 'absent'].includes(node(q, 'east-1').power))
      await rig.machineLost('east-1')
      assert.deepEqual(facts(await untilPower('east-1', 'absent'), 'east-1'), absent)
      await scheduler.powerDown(['east-1'])
      const id = await rig.submit({ runMs: 300, features: 'site-east' })
      await rig.until('the hook asks again', () => rig.resumed().length === 2)
      await rig.machineUp('east-1')
      await untilJob(id, 'ended')
    })
  }

  test('a failed node gives its job back at once, and is not picked until it is reopened', async () => {
    const id = await rig.submit({ runMs: 300 })
    await untilPower('east-1', 'wanted')
    await scheduler.fail(['east-1'], 'did not boot')
    const moved = await rig.until('the job waits elsewhere', (q) => job(q, id).nodes[0] === 'east-2')
    assert.equal(node(moved, 'east-1').drained, true)
    const failed = await untilPower('east-1', 'absent')
    assert.deepEqual(facts(failed, 'east-1'), { ...absent, drained: true, reason: `${reasonPrefix} did not boot` })
    await scheduler.fail(['east-1'], 'did not boot')
    await rig.machineUp('east-2')
    await untilJob(id, 'ended')
    assert.deepEqual(facts(await scheduler.snapshot(), 'east-1'), {
      ...absent,
      drained: true,
      reason: `${reasonPrefix} did not boot`,
    })
    await scheduler.reopen(['east-1'])
    await scheduler.reopen(['east-1'])
    assert.deepEqual(facts(await scheduler.snapshot(), 'east-1'), absent)
    await scheduler.drain(['east-2'], 'x')
    const next = await rig.submit({ features: 'site-east' })
    assert.deepEqual(job(await untilJob(next, 'starting'), next).nodes, ['east-1'])
  })

  test('when one of two nodes fails, the job goes back although the other is there', async () => {
    const id = await rig.submit({ nodes: 2, runMs: 300 })
    await rig.until('both are wanted', (q) => ['east-1', 'east-2'].every((n) => node(q, n).power === 'wanted'))
    await rig.machineUp('east-1')
    await untilPower('east-1', 'present')
    await scheduler.fail(['east-2'], 'did not boot')
    const moved = await rig.until('it waits for west-1', (q) => job(q, id).nodes.includes('west-1'))
    assert.deepEqual([...job(moved, id).nodes].sort(), ['east-1', 'west-1'])
    await rig.machineUp('west-1')
    await untilJob(id, 'ended')
  })

  test('several nodes fail in one call', async () => {
    const id = await rig.submit({ nodes: 2 })
    await rig.until('both are wanted', (q) => ['east-1', 'east-2'].every((n) => node(q, n).power === 'wanted'))
    await scheduler.fail(['east-1', 'east-2'], 'site lost')
    const queue = await rig.until('both are gone', (q) =>
      ['east-1', 'east-2'].every((n) => node(q, n).power === 'absent'),
    )
    assert.ok(['east-1', 'east-2'].every((name) => node(queue, name).drained))
    const { state, blocked } = job(queue, id)
    assert.deepEqual({ state, blocked }, { state: 'pending', blocked: null })
  })

  test('closed nodes are not picked, without any machine being asked for, and reopened ones are', async () => {
    await scheduler.close(['east-1', 'east-2'], 'site closed')
    await scheduler.close(['east-1', 'east-2'], 'site closed')
    const closed = await scheduler.snapshot()
    assert.deepEqual(facts(closed, 'east-2'), { ...absent, drained: true, reason: `${reasonPrefix} site closed` })
    const id = await rig.submit({})
    assert.deepEqual(job(await untilJob(id, 'starting'), id).nodes, ['west-1'])
    const only = await rig.submit({ features: 'site-east' })
    await rig.until('it was looked at', (q) => job(q, only).reason !== '')
    await scheduler.reopen(['east-1', 'east-2'])
    const placed = await untilJob(only, 'starting')
    assert.equal(job(placed, only).nodes.length, 1)
    await untilPower('west-1', 'wanted')
    await rig.until('the hook was called', () => rig.resumed().length === 2)
    assert.ok(rig.resumed().includes('west-1'))
  })

  test('close leaves nodes with a machine, or with one under way, alone', async () => {
    await bringUp('east-1')
    const id = await rig.submit({ features: 'site-west', runMs: 300 })
    await untilPower('west-1', 'wanted')
    await scheduler.close(all, 'site closed')
    const queue = await scheduler.snapshot()
    assert.deepEqual(
      queue.nodes.filter((candidate) => candidate.drained).map((candidate) => candidate.name),
      ['east-2'],
    )
    await rig.machineUp('west-1')
    await untilJob(id, 'ended')
  })

  test('no names are no work, and unknown names are found out after the known were served', async () => {
    await scheduler.drain([], 'x')
    await scheduler.fail([], 'x')
    await scheduler.powerDown([])
    await assert.rejects(scheduler.close(['nowhere-9', 'east-1'], 'x'), { code: 'NotFound' })
    assert.equal(node(await scheduler.snapshot(), 'east-1').drained, true)
  })

  test('a machine that a restarted scheduler has forgotten about can be sent away, and the node asked for again', async () => {
    await scheduler.powerUp(['east-1'])
    await rig.until('the hook asks for it', () => rig.resumed().includes('east-1'))
    const restart = await rig.checkpoint()
    await rig.machineUp('east-1')
    await untilPower('east-1', 'present')
    await restart()
    // The daemon is not asked to register again: the scheduler would wait until its own limit.
    assert.equal(node(await scheduler.snapshot(), 'east-1').power, 'wanted')
    await scheduler.powerDown(['east-1'])
    await rig.until('it leaves', (q) => ['leaving', 'absent'].includes(node(q, 'east-1').power))
    await rig.machineLost('east-1')
    assert.deepEqual(facts(await untilPower('east-1', 'absent'), 'east-1'), absent)
    await scheduler.powerUp(['east-1'])
    await rig.until('the hook asks again', () => rig.resumed().length === 2)
    await rig.machineUp('east-1')
    await rig.until('it is there', (q) => node(q, 'east-1').power === 'present' && node(q, 'east-1').responding)
  })
}
