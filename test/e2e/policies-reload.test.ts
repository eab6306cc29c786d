import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import { places } from '../../lab/config.ts'
import type { Lab } from '../../lab/lab.ts'
import { jobReaches, submit } from './cluster.ts'
import {
  gate,
  lifeTimes,
  nodeInQueue,
  open,
  policyUp,
  type Rules,
  ranOn,
  reload,
  says,
  slurmSays,
  write,
} from './policies.ts'

describe('the policy is read again while the controller runs', () => {
  let lab: Lab | undefined
  afterEach(() => lab?.down())

  test('a raised maximum is used, by command and by SIGHUP; what is wrong or needs a restart changes nothing', async () => {
    const most =
      (maximum: number): Rules =>
      ({ sites }) => {
        sites.east.nodes.maximum = maximum
        sites.west.nodes.maximum = 0
      }
    lab = await policyUp(most(1))
    const first = await submit(lab, gate('first'))
    const second = await submit(lab, 'hostname')
    await jobReaches(lab, first, 'RUNNING')
    await says(lab, ['why', second], /\(AllNodesBusy\)/)

    lab.head.write(places.config, { content: lab.head.read(places.config).replace('maximum: 1\n', 'maximum: many\n') })
    const broken = await lab.causeway(['policy', 'reload'])
    assert.equal(broken.code, 2)
    assert.match(broken.stderr, /causeway\.yaml:\d+:\d+: sites\.east\.nodes\.maximum/)

    write(lab, (config) => {
      most(2)(config)
      config.sites.east.gateway.address = '10.77.1.253'
    })
    const fixed = await lab.causeway(['policy', 'reload'])
    assert.equal(fixed.code, 2)
    assert.match(fixed.stderr, /sites\.east\.gateway changed, which needs a restart/)
    await says(lab, ['status'], /east +standard +open +0\.\.1 +1 ready/)

    const said = await reload(lab, most(2))
    assert.match(said, /^east standard: maximum 1 -> 2$/m)
    // Slurm is told of the new node while it runs.
    assert.doesNotMatch(said, /^to do/m)
    await jobReaches(lab, second, 'COMPLETED')
    assert.equal(ranOn(lab, second), 'east-2')

    write(lab, most(1))
    process.kill(lab.controller?.pid ?? 0, 'SIGHUP')
    await says(lab, ['status'], /east +standard +open +0\.\.1 /)
    open(lab, 'first')
    await jobReaches(lab, first, 'COMPLETED')
    assert.deepEqual([...new Set(lifeTimes(lab).map((life) => life.name))], ['east-1', 'east-2'])
  })

  test('a window in force closes one site and opens another; without it both are as before', async () => {
    const shut = {
      name: 'east-rests',
      cron: '* * * * *',
      for: '2m',
      set: { sites: { east: { nodes: { maximum: 0 } }, west: { nodes: { maximum: 1 } } } },
    }
    const withWindows =
      (...windows: object[]): Rules =>
      ({ sites, policy }) => {
        sites.east.nodes.maximum = 1
        sites.west.nodes.maximum = 0
        policy.windows = windows
      }
    lab = await policyUp(withWindows(shut))
    await says(lab, ['status'], /windows in force: east-rests/)
    await slurmSays(lab, nodeInQueue, 'east-1', /^drained~ causeway: east\/standard may have 0 nodes now$/)
    const anywhere = await submit(lab, gate('west'))
    await jobReaches(lab, anywhere, 'RUNNING')
    const inEast = await submit(lab, 'hostname', '--constraint=site-east')
    await says(lab, ['why', inEast], /\(NoTypeFits|AllNodesBusy\)/)
    assert.match(await reload(lab, withWindows()), /east-rests: gone/)
    await jobReaches(lab, inEast, 'COMPLETED')
    assert.equal(ranOn(lab, inEast), 'east-1')
    await says(lab, ['status'], /west +standard +open +0\.\.0 +1 ready/)
    open(lab, 'west')
    await jobReaches(lab, anywhere, 'COMPLETED')
    assert.equal(ranOn(lab, anywhere), 'west-1')
    await says(lab, ['timeline', 'west-1'], /AboveMaximum/)
  })
})
