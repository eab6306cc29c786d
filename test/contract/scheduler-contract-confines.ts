import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Stage } from './scheduler-stage.ts'

/** What a scheduler must do that has to be told to which site a job of several nodes is confined. */
export function confinesContract(stage: Stage): void {
  const { rig, scheduler, job, untilJob, untilLookedAt, bringUp } = stage
  const facts = async (id: string) => {
    const { state, confinedTo, features, nodeCount, blocked } = job(await scheduler.snapshot(), id)
    return { state, confinedTo, features, nodeCount, blocked }
  }

  test('a job of two nodes waits for both at its site, whatever else there is', async () => {
    const id = await rig.submit({ nodes: 2, runMs: 300 })
    assert.equal((await facts(id)).confinedTo, undefined)
    await scheduler.confine([id], 'east')
    await scheduler.confine([id], 'east')
    assert.deepEqual(await facts(id), {
      state: 'pending',
      confinedTo: 'east',
      features: '',
      nodeCount: 2,
      blocked: null,
    })
    await bringUp('west-1')
    await bringUp('east-1')
    assert.equal(job(await untilLookedAt(id), id).state, 'pending')
    const other = await rig.submit({ runMs: 300 })
    assert.equal(job(await untilJob(other, 'ended'), id).state, 'pending')
    await bringUp('east-2')
    assert.deepEqual([...job(await untilJob(id, 'ended'), id).nodes].sort(), ['east-1', 'east-2'])
  })

  test('a later confinement replaces the one before, and what the user asked for stays', async () => {
    const id = await rig.submit({ nodes: 2, runMs: 300, features: 'site-east' })
    await scheduler.confine([id], 'west')
    assert.deepEqual([(await facts(id)).confinedTo, (await facts(id)).features], ['west', 'site-east'])
    await scheduler.confine([id], 'east')
    assert.deepEqual([(await facts(id)).confinedTo, (await facts(id)).features], ['east', 'site-east'])
    await bringUp('east-1')
    await bringUp('east-2')
    await untilJob(id, 'ended')
  })

  test('a job that is held is confined too, and stays held', async () => {
    const id = await rig.submit({ nodes: 2 })
    await scheduler.hold([id], 'cap')
    await scheduler.confine([id], 'east')
    assert.deepEqual([(await facts(id)).blocked, (await facts(id)).confinedTo], ['HeldByCauseway', 'east'])
    await scheduler.release([id])
    assert.deepEqual([(await facts(id)).blocked, (await facts(id)).confinedTo], [null, 'east'])
  })

  test('jobs that run, have ended or are unknown are left as they are', async () => {
    await bringUp('east-1')
    await bringUp('west-1')
    const id = await rig.submit({ nodes: 2, runMs: 'until finished' })
    const waits = await rig.submit({ nodes: 2 })
    await untilJob(id, 'running')
    await scheduler.confine([id, '99999', waits], 'east')
    assert.deepEqual([(await facts(id)).state, (await facts(id)).confinedTo], ['running', undefined])
    assert.equal((await facts(waits)).confinedTo, 'east')
    await rig.finish()
    await untilJob(id, 'ended')
    await scheduler.confine([id], 'east')
    assert.equal((await facts(id)).confinedTo, undefined)
  })
}
