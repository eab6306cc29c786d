import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import { must } from '../../lab/demo/must.ts'
import type { Lab } from '../../lab/lab.ts'
import { jobReaches, submit } from './cluster.ts'
import {
  gate,
  inQueue,
  lifeTimes,
  mostAtOnce,
  nodeInQueue,
  open,
  policyUp,
  type Rules,
  reload,
  says,
  slurmSays,
  status,
} from './policies.ts'

describe('caps and budgets', () => {
  let lab: Lab | undefined
  afterEach(() => lab?.down())

  test('a cap of one node: the other jobs are held and released one by one; what an admin holds stays held', async () => {
    lab = await policyUp((config) => {
      config.policy.caps = [{ user: 'alice', nodes: 1 }]
    })
    const admins = await submit(lab, 'hostname', '--begin=now+1hour')
    await must(lab.head.exec(['scontrol', 'hold', admins]))
    await must(lab.head.exec(['scontrol', 'update', `jobid=${admins}`, 'starttime=now']))
    const jobs: [string, string, string] = [
      await submit(lab, gate('first')),
      await submit(lab, 'hostname'),
      await submit(lab, 'hostname'),
    ]
    const [first, second, third] = jobs
    await jobReaches(lab, first, 'RUNNING')
    for (const job of [second, third]) {
      await slurmSays(lab, inQueue, job, /^PENDING JobHeldAdmin$/)
      const said = await says(lab, ['why', job], /\(OverCap\)/)
      assert.match(said, /user alice may have 1 nodes/)
      assert.match(await shown(lab, job), /AdminComment=causeway:hold: user alice/)
    }
    open(lab, 'first')
    for (const job of jobs) await jobReaches(lab, job, 'COMPLETED')
    assert.equal(mostAtOnce(lifeTimes(lab)), 1)
    assert.equal(await inQueue(lab, admins), 'PENDING JobHeldAdmin')
    assert.doesNotMatch(await shown(lab, admins), /causeway/)
    await must(lab.head.exec(['scontrol', 'release', admins]))
    await jobReaches(lab, admins, 'COMPLETED')
  })

  test('a budget for one node: no second one, names out of use, and a reload that raises it lets the job run', async () => {
    const paying =
      (amount: number): Rules =>
      (config) => {
        const { east, west } = config.sites
        Object.assign(east.nodes, { cost: 1, lifetime: '20m' })
        west.nodes.maximum = 0
        config.policy.currency = 'EUR'
        // The day must not end meanwhile: the half of it that is not running is taken for one.
        config.policy.timezone = new Date().getUTCHours() < 12 ? 'UTC' : 'Etc/GMT+12'
        config.policy.budgets = [{ period: 'day', amount }]
      }
    // A node for a job of half an hour costs 0.5, one for nobody 0.33.
    lab = await policyUp(paying(0.6))
    const first = await submit(lab, gate('first'), '--time=30', '--constraint=site-east')
    await jobReaches(lab, first, 'RUNNING')
    await slurmSays(lab, nodeInQueue, 'east-2', /^drained~ causeway:.*budget of 0.6/)
    const second = await submit(lab, 'hostname', '--time=30', '--constraint=site-east')
    await says(lab, ['why', second], /budget of 0\.6.*\(OverBudget\)/)
    await says(lab, ['status'], /budget of the day: 0\.\d\d spent, 0\.5\d with what is bound to come, of 0\.6/)
    assert.equal(lifeTimes(lab).length, 1)
    assert.match(await reload(lab, paying(5)), /budget.*0\.6 -> 5/)
    await jobReaches(lab, second, 'COMPLETED')
    open(lab, 'first')
    await jobReaches(lab, first, 'COMPLETED')
    const { budgets } = await status(lab)
    assert.equal(budgets.length, 1)
    assert.ok(budgets[0] && budgets[0].spent > 0 && budgets[0].spent <= budgets[0].projected)
    assert.equal(mostAtOnce(lifeTimes(lab)), 2)
  })
})

async function shown(lab: Lab, job: string): Promise<string> {
  return must(lab.head.exec(['scontrol', 'show', 'job', job]))
}
