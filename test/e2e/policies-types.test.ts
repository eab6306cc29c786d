import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import { giveTypes, type LabNodes } from '../../lab/config.ts'
import { must } from '../../lab/demo/must.ts'
import type { Lab } from '../../lab/lab.ts'
import { until } from '../../lab/until.ts'
import { allNodes, jobReaches, lives, submit } from './cluster.ts'
import {
  gate,
  lifeTimes,
  mostAtOnce,
  nodeInQueue,
  open,
  policyUp,
  type Rules,
  ranOn,
  says,
  slurmSays,
  status,
  write,
} from './policies.ts'

const small: LabNodes = { minimum: 0, maximum: 2, idle: '2s', cpus: 2, memory: '1500MiB' }

describe('node types', () => {
  let lab: Lab | undefined
  afterEach(() => lab?.down())

  test('a job gets the type that is large enough; a spare node takes a job at once and is made up for', async () => {
    const rules: Rules = (config) => {
      config.sites.east.nodes.maximum = 0
      giveTypes(config, 'west', {
        small: { ...small, spare: 1, order: 1 },
        big: { ...small, cpus: 4, memory: '3000MiB', order: 2 },
      })
    }
    lab = await policyUp(rules)
    const cluster = lab
    await says(lab, ['nodes'], /west-small-1 +west +ready/)
    const spare = lives(lab).map((life) => life.id)
    assert.equal(spare.length, 1)

    const [quick, byMemory, byCpus, byName] = [
      await submit(lab, gate('quick')),
      await submit(lab, 'hostname', '--mem=2000'),
      await submit(lab, 'hostname', '--cpus-per-task=4'),
      await submit(lab, 'hostname', '--constraint=type-big'),
    ]
    await jobReaches(lab, quick, 'RUNNING')
    await until('another small node comes up', 120_000, () => lives(cluster).some((l) => l.name === 'west-small-2'))
    for (const job of [byMemory, byCpus, byName]) {
      await jobReaches(lab, job, 'COMPLETED')
      assert.match(ranOn(lab, job), /^west-big-[12]$/)
    }
    open(lab, 'quick')
    await jobReaches(lab, quick, 'COMPLETED')
    assert.equal(ranOn(lab, quick), 'west-small-1')
    const first = (await allNodes(lab)).find((node) => node.name === 'west-small-1')
    assert.deepEqual([first?.id, first?.jobs], [spare[0], []], 'it was there before the job, and made for nobody')

    await until('all but the spare node are gone', 120_000, () => living(cluster).length === 1)
    const [left] = living(lab)
    assert.match(left?.name ?? '', /^west-small-/)
    await says(lab, ['nodes'], /west\/small keeps 1 free nodes/)
    const types = (await status(lab)).types.filter((type) => type.site === 'west')
    assert.deepEqual(
      types.map((type) => [type.type, type.spare, type.phases]),
      [
        ['small', 1, { ready: 1 }],
        ['big', 0, {}],
      ],
    )
    write(lab, (config) => giveTypes(config, 'west', { small }))
    assert.match((await lab.causeway(['policy', 'reload'])).stderr, /its type big/)
  })

  test('a type whose nodes never boot is closed and the other goes on; later it is tried with one node', async () => {
    lab = await policyUp((config) => {
      config.sites.west.nodes.maximum = 0
      config.policy.deadlines.boot = '15s' // enough for those that do boot, also on a slow machine
      config.policy.breaker = { failures: 2, cooldown: '20s' }
      giveTypes(config, 'east', { good: { ...small, order: 1 }, bad: { ...small, maximum: 4, order: 2 } })
    })
    const cluster = lab
    // The second type's pool is 10.77.1.16/28; frames from its nodes go nowhere, so they never come up for anybody else.
    const rule = 'ether saddr & ff:ff:ff:ff:ff:f0 == 02:43:0a:4d:01:10 drop'
    const table = `table bridge dead { chain pre { type filter hook prerouting priority -300; iifname "cwp*" ${rule}; }; }`
    await must(lab.hosts.east.exec(['nft', '-f', '-'], { stdin: table }))
    const stuck = [
      await submit(lab, 'sleep 3; hostname', '--constraint=type-bad'),
      await submit(lab, 'sleep 3; hostname', '--constraint=type-bad'),
    ]
    await says(lab, ['status'], /east +bad +closed for/)
    const failed = lifeTimes(lab).filter((life) => life.failure === 'BootTimeout')
    assert.equal(failed.length, 2)
    await slurmSays(lab, nodeInQueue, 'east-bad-4', /^drained~ causeway: east\/bad is closed/)
    const other = await submit(lab, 'hostname', '--constraint=site-east')
    await jobReaches(lab, other, 'COMPLETED')
    assert.match(ranOn(lab, other), /^east-good-/)
    assert.match((await lab.causeway(['status'])).stdout, /east +good +open/)

    await must(lab.hosts.east.exec(['nft', 'delete', 'table', 'bridge', 'dead']))
    for (const job of stuck) await jobReaches(lab, job, 'COMPLETED')
    const retried = lifeTimes(cluster).filter((life) => life.type === 'bad' && life.failure === null)
    assert.ok(retried.length > 0)
    const probe = retried[0]
    for (const life of retried.slice(1)) assert.ok(life.beganAtMs >= (probe?.readyAtMs ?? Infinity), life.name)
    assert.ok(mostAtOnce(failed) <= 2)
    await says(lab, ['status'], /east +bad +open/)
  })
})

function living(lab: Lab) {
  return lives(lab).filter((life) => life.phase !== 'gone')
}
