import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import { must } from '../../lab/demo/must.ts'
import type { Lab } from '../../lab/lab.ts'
import { until } from '../../lab/until.ts'
import { allNodes, clusterUp, jobReaches, lifeReaches, lives, post, shrunk, submit, why } from './cluster.ts'
import { gate, open } from './policies.ts'

describe('bad days', () => {
  let lab: Lab | undefined
  afterEach(() => lab?.down())

  test('a node that never boots: deadline, deleted, the job runs elsewhere, and why says so', async () => {
    lab = await clusterUp({}, (config) => {
      config.policy.deadlines.boot = '15s' // enough for those at west, also on a slow machine
      config.policy.breaker.failures = 1
    })
    // Frames from machines at east go nowhere: to everybody else such a machine never comes up.
    const rules = 'table bridge dead { chain pre { type filter hook prerouting priority -300; iifname "cwp*" drop; }; }'
    await must(lab.hosts.east.exec(['nft', '-f', '-'], { stdin: rules }))
    const job = await submit(lab, 'hostname')
    await jobReaches(lab, job, 'COMPLETED')
    assert.match(lab.head.read(`/home/alice/out-${job}`), /^west-/)
    const history = (await why(lab, job)).history
    assert.ok(history.some((event) => event.code === 'BootTimeout' && event.nodeName === 'east-1'))
    assert.match((await lab.causeway(['why', job])).stdout, /BootTimeout/)
    const status = (await lab.causeway(['status'])).stdout
    assert.match(status, /east .*closed for/)
    await shrunk(lab)
    const dead = (await allNodes(lab)).filter((node) => node.site === 'east')
    assert.ok(dead.length > 0 && dead.every((node) => node.phase === 'gone' && node.failure?.code === 'BootTimeout'))
  })

  test('a cache that dies while a node installs: the node still becomes ready', async () => {
    lab = await clusterUp()
    lab.wan('west').delay(100) // slow enough that the cache is killed in the middle
    const job = await submit(lab, 'hostname', '--constraint=site-west')
    await lifeReaches(lab, 'installing')
    await lab.caches.west?.kill('SIGKILL')
    await jobReaches(lab, job, 'COMPLETED')
    const direct = lab.mirror.requests('10.250.2.2').filter((request) => request.uri.endsWith('.deb'))
    assert.ok(direct.length > 0)
    await shrunk(lab)
    assert.equal(lives(lab).length, 1)
  })

  test('while the controller is away Slurm goes on, and what it missed it finds when it is back', async () => {
    lab = await clusterUp()
    await lab.controller?.kill('SIGKILL')
    const job = await submit(lab, 'hostname')
    const cluster = lab
    await until('Slurm has asked for a node', 120_000, async () =>
      (await must(cluster.head.exec(['sinfo', '-h', '-N', '-o', '%N %T']))).includes('#'),
    )
    assert.equal((await must(lab.head.exec(['scontrol', 'ping']))).includes('UP'), true)
    await lab.startController()
    await jobReaches(lab, job, 'COMPLETED')
    await shrunk(lab)
  })

  test('a graceful stop in the middle leaves all to the next start', async () => {
    lab = await clusterUp()
    const job = await submit(lab, 'hostname')
    await lifeReaches(lab, 'installing')
    assert.equal(await lab.controller?.kill('SIGTERM'), 0)
    await lab.startController()
    await jobReaches(lab, job, 'COMPLETED')
    await shrunk(lab)
    assert.equal(lives(lab).length, 1)
  })

  test('a site whose gateway loses power in the middle: its node is lost, the job runs again, nothing leaks', async () => {
    lab = await clusterUp()
    const job = await submit(lab, gate('lost'), '--requeue', '--constraint=site-east')
    await jobReaches(lab, job, 'RUNNING')
    await lab.powerOff('east')
    await lab.powerOn('east')
    const cluster = lab
    await until('the lost machine is noticed', 120_000, () => lives(cluster).some((life) => life.phase === 'gone'))
    assert.equal((await allNodes(lab))[0]?.failure?.code, 'MachineLost')
    open(lab, 'lost')
    await jobReaches(lab, job, 'COMPLETED')
    await shrunk(lab)
  })

  test('a hook body that is not what it should be is refused with the reason, and changes nothing', async () => {
    lab = await clusterUp({ caches: false })
    for (const [path, body, says] of [
      ['/v1/hooks/slurm/resume', '{"nodes":"east-[1-"}', /hostlist|east-\[1-/],
      ['/v1/hooks/slurm/resume', '{}', /nodes/],
      ['/v1/hooks/slurm/resume', '{"nodes":"east-1","colour":"red"}', /colour|additional/i],
      ['/v1/hooks/slurm/explode', '{"nodes":"east-1"}', /event/],
      ['/v1/hooks/slurm/resume', 'not json', /JSON/i],
    ] as const) {
      const answer = await post(lab, path, body)
      assert.equal(answer.status, 400, `${path} ${body} -> ${answer.body}`)
      assert.match(answer.body, says)
    }
    assert.equal((await post(lab, '/v1/hooks/slurm/resume', '{"nodes":"east-1"}')).status, 202)
    assert.deepEqual(lives(lab), []) // a hook is a signal: the queue wants nothing, so nothing is made
  })
})
