import assert from 'node:assert/strict'
import { test } from 'node:test'
import { all, type Stage } from './scheduler-stage.ts'

/** What every scheduler must do with jobs that are not to start. */
export function holdsContract(stage: Stage): void {
  const { rig, scheduler, job, untilJob, untilLookedAt, bringUp } = stage
  const blocked = async (id: string) => job(await scheduler.snapshot(), id).blocked

  /** A job that waits for nodes. */
  const submitWaiting = async () => {
    if (stage.places === 'scheduler') await scheduler.close(all, 'no node is to be had')
    const id = await rig.submit({ runMs: 300 })
    await untilLookedAt(id)
    return id
  }

  test('a held job does not start, others do, and after the release it starts without delay', async () => {
    const held = await submitWaiting()
    await scheduler.hold([held], 'cap of alice')
    await scheduler.hold([held], 'another reason')
    const { state, blocked: why, nodes } = job(await scheduler.snapshot(), held)
    assert.deepEqual({ state, why, nodes }, { state: 'pending', why: 'HeldByCauseway', nodes: [] })
    await scheduler.reopen(all)
    await bringUp('east-1')
    const other = await rig.submit({ runMs: 300 })
    await untilJob(other, 'ended')
    assert.equal(await blocked(held), 'HeldByCauseway')
    await scheduler.release([held, other, '99999'])
    await scheduler.release([held])
    assert.deepEqual(job(await untilJob(held, 'ended'), held).nodes, ['east-1'])
  })

  for (const who of ['user', 'admin'] as const) {
    test(`a hold of the ${who} stays, whatever we do, until it is ended by whom it may`, async () => {
      const id = await submitWaiting()
      await rig.hold(id, who)
      assert.equal(await blocked(id), 'Held')
      await scheduler.hold([id], 'cap')
      assert.equal(await blocked(id), 'Held')
      await scheduler.release([id])
      assert.equal(await blocked(id), 'Held')
      await rig.adminRelease(id)
      assert.equal(await blocked(id), null)
    })

    test(`once an admin has ended our hold, a later one of the ${who} is not ours`, async () => {
      const id = await submitWaiting()
      const other = await rig.submit({})
      await scheduler.hold([id], 'cap')
      await rig.adminRelease(id)
      assert.equal(await blocked(id), null)
      await scheduler.hold([other], 'cap')
      await rig.hold(id, who)
      assert.equal(await blocked(id), 'Held')
      await scheduler.release([id, other])
      assert.equal(await blocked(id), 'Held')
      assert.equal(await blocked(other), null)
    })
  }

  test('a job that an admin let go can be held again', async () => {
    const id = await submitWaiting()
    await scheduler.hold([id], 'cap')
    await rig.adminRelease(id)
    await scheduler.hold([id], 'cap')
    assert.equal(await blocked(id), 'HeldByCauseway')
    await scheduler.release([id])
    assert.equal(await blocked(id), null)
  })

  test('a job that runs or has ended is not held', async () => {
    await bringUp('east-1')
    const id = await rig.submit({ runMs: 'until finished' })
    await untilJob(id, 'running')
    await scheduler.hold([id], 'cap')
    assert.deepEqual([job(await scheduler.snapshot(), id).state, await blocked(id)], ['running', null])
    await rig.finish()
    await untilJob(id, 'ended')
    await scheduler.hold([id], 'cap')
    await scheduler.release([id])
    assert.deepEqual([job(await scheduler.snapshot(), id).state, await blocked(id)], ['ended', null])
  })

  test('many jobs are held and released in one call', async () => {
    if (stage.places === 'scheduler') await scheduler.close(all, 'x')
    const ids: string[] = []
    for (let k = 0; k < 5; k++) ids.push(await rig.submit({ runMs: 100 }))
    await scheduler.hold(ids, 'cap')
    const count = async (why: string | null) =>
      (await scheduler.snapshot()).jobs.filter((one) => ids.includes(one.id) && one.blocked === why).length
    assert.equal(await count('HeldByCauseway'), 5)
    await scheduler.release(ids.slice(1))
    assert.deepEqual([await count('HeldByCauseway'), await count(null)], [1, 4])
  })
}
