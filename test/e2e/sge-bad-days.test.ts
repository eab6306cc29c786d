import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import { must } from '../../lab/demo/must.ts'
import type { Lab } from '../../lab/lab.ts'
import { until } from '../../lab/until.ts'
import { allNodes, lifeReaches, lives, shrunk, why } from './cluster.ts'
import { labName } from './lab-name.ts'
import { gate, open } from './policies.ts'
import { finished, jobIs, knownHosts, qsub, sgeUp, statesOf } from './sge-cluster.ts'

describe('bad days of Grid Engine', () => {
  let lab: Lab | undefined
  afterEach(() => lab?.down())

  test('a node that never boots: deadline, deleted, the job runs elsewhere, and why says so', async () => {
    lab = await sgeUp({ name: labName }, (config) => {
      config.policy.deadlines.boot = '15s' // enough for those at west, also on a slow machine
      config.policy.breaker.failures = 1
    })
    const rules = 'table bridge dead { chain pre { type filter hook prerouting priority -300; iifname "cwp*" drop; }; }'
    await must(lab.hosts.east.exec(['nft', '-f', '-'], { stdin: rules }))
    const job = await qsub(lab, 'hostname')
    assert.match(await finished(lab, job), /^west-/m)
    const { history } = await why(lab, job)
    assert.ok(history.some((event) => event.code === 'BootTimeout' && event.nodeName === 'east-1'))
    await shrunk(lab)
    const dead = (await allNodes(lab)).filter((node) => node.site === 'east')
    assert.ok(dead.length > 0 && dead.every((node) => node.phase === 'gone' && node.failure?.code === 'BootTimeout'))
    const cluster = lab
    await until('Grid Engine has forgotten the hosts', 120_000, async () => (await knownHosts(cluster)).length === 0)
  })

  test('a site whose gateway loses power in the middle: its node is lost, the job runs again elsewhere', async () => {
    lab = await sgeUp({ name: labName })
    const job = await qsub(lab, gate('lost'), '-r', 'y')
    await jobIs(lab, job, 'r')
    await lab.powerOff('east')
    await lab.powerOn('east')
    const cluster = lab
    await until('the lost machine is noticed', 120_000, () => lives(cluster).some((life) => life.phase === 'gone'))
    assert.equal((await allNodes(lab))[0]?.failure?.code, 'MachineLost')
    open(lab, 'lost')
    assert.match(await finished(lab, job), /^(east|west)-\d$/m)
    await shrunk(lab)
  })

  test('while the controller is away users submit as ever, and it finds their jobs when it is back', async () => {
    lab = await sgeUp({ name: labName })
    await lab.controller?.kill('SIGKILL')
    const job = await qsub(lab, 'hostname', '-pe', 'mpi', '2')
    assert.deepEqual(await statesOf(lab, job), ['qw'])
    await lab.startController()
    await finished(lab, job)
    await shrunk(lab)
    assert.equal(lives(lab).length, 1)
  })

  test('sge_qmaster killed while a node installs: the job runs once', async () => {
    lab = await sgeUp({ name: labName })
    const job = await qsub(lab, 'hostname >> runs', '-wd', '/home/alice')
    await lifeReaches(lab, 'installing')
    await lab.sge?.kill('SIGKILL')
    await lab.sge?.restart()
    await finished(lab, job)
    assert.equal(lab.head.read('/home/alice/runs').trim().split('\n').length, 1)
    await shrunk(lab)
    assert.equal(lives(lab).length, 1)
  })
})
