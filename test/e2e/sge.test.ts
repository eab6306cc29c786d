import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { must } from '../../lab/demo/must.ts'
import type { Lab } from '../../lab/lab.ts'
import { until } from '../../lab/until.ts'
import { allNodes, lifeReaches, lives, shrunk, why } from './cluster.ts'
import { finished, instanceState, jobIs, knownHosts, qsub, sgeUp, statesOf } from './sge-cluster.ts'

const siteOf = (node: string) => node.replace(/-\d+$/, '')

/** Says which hosts a parallel job was given, and has each of the others say its name over Grid Engine's own way to it. */
const whoIsThere = `awk '{ print "host", $1 }' "$PE_HOSTFILE"
for host in $(awk -v me="$(hostname)" '$1 != me { print $1 }' "$PE_HOSTFILE"); do
  qrsh -inherit "$host" hostname </dev/null | sed 's/^/answer /'
done`

function hostsOf(output: string): string[] {
  return [...output.matchAll(/^host (\S+)$/gm)].map(([, host = '']) => host)
}

describe('on real Grid Engine over an emulated WAN', () => {
  let lab: Lab
  before(async () => {
    lab = await sgeUp()
  })
  after(() => lab.down())

  test('an array larger than one site grows the cluster over both, and it shrinks to nothing', async () => {
    const job = await qsub(lab, 'echo "$SGE_TASK_ID $(hostname)"; sleep 8', '-t', '1-10')
    const lines = (await finished(lab, job, 10)).trim().split('\n')
    assert.deepEqual(
      lines.map((line) => Number(line.split(' ')[0])).toSorted((a, b) => a - b),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    )
    const sites = new Set(lines.map((line) => siteOf(line.split(' ')[1] ?? '')))
    assert.deepEqual([...sites].sort(), ['east', 'west'])
    await shrunk(lab)
    await until('Grid Engine has forgotten the hosts', 120_000, async () => (await knownHosts(lab)).length === 0)
  })

  test('a job of several nodes stays in one site, the next one where there is room', async () => {
    const near = await qsub(lab, whoIsThere, '-pe', 'mpi', '4')
    const far = await qsub(lab, whoIsThere, '-pe', 'mpi', '6')
    const asked = await qsub(lab, 'hostname', '-l', 'site=west')
    const nearHosts = hostsOf(await finished(lab, near))
    const output = await finished(lab, far)
    const farHosts = hostsOf(output)
    assert.match(await finished(lab, asked), /^west-\d$/m)
    assert.ok(nearHosts.length > 1)
    assert.equal(new Set(nearHosts.map(siteOf)).size, 1)
    assert.ok(farHosts.length > 2) // of two slots each
    assert.deepEqual([...new Set(farHosts.map(siteOf))], ['west'])
    assert.equal([...output.matchAll(/^answer west-\d$/gm)].length, farHosts.length - 1)
    await shrunk(lab)
  })

  test('unless its user opts out', async () => {
    // More slots than either site may have.
    const job = await qsub(lab, whoIsThere, '-pe', 'mpi', '10', '-ac', 'causeway_sites=any')
    const output = await finished(lab, job)
    assert.deepEqual([...new Set(hostsOf(output).map(siteOf))].sort(), ['east', 'west'])
    assert.equal([...output.matchAll(/^answer (east|west)-\d$/gm)].length, 4)
    await shrunk(lab)
  })

  test('an administrator who disables a host keeps it: no new job, no removal, until it is enabled again', async () => {
    const job = await qsub(lab, 'while [ ! -e open ]; do sleep 0.2; done; hostname', '-wd', '/home/alice')
    await jobIs(lab, job, 'r')
    await must(lab.head.exec(['qmod', '-d', 'all.q@east-1']))
    lab.head.write('/home/alice/open', { content: '' })
    assert.match(await finished(lab, job), /^east-1$/m)
    const second = await qsub(lab, 'hostname')
    assert.match(await finished(lab, second), /^(east-2|west-\d)$/m)
    await until('the other node has gone', 120_000, () => living(lab).join() === 'east-1')
    assert.match((await instanceState(lab, 'east-1')) ?? '', /d/)
    await must(lab.head.exec(['qmod', '-e', 'all.q@east-1']))
    await shrunk(lab)
  })

  test('a drain is taken back when there are jobs again, even by a controller that was killed meanwhile', async () => {
    const before = new Set(lives(lab).map((life) => life.id))
    await finished(lab, await qsub(lab, 'hostname'))
    const drained = await lifeReaches(lab, 'draining', before)
    await lab.controller?.kill('SIGKILL')
    const job = await qsub(lab, 'hostname')
    await lab.startController()
    await finished(lab, job)
    await shrunk(lab)
    const mine = lives(lab).filter((life) => !before.has(life.id))
    assert.deepEqual(
      mine.map((life) => life.id),
      [drained.id],
    )
  })

  test('a job that nothing can run is explained, by Causeway and by qstat', async () => {
    const job = await qsub(lab, 'hostname', '-pe', 'mpi', '1000')
    await until('qstat says why', 120_000, async () => {
      const { stdout } = await lab.asAlice(['qstat', '-j', job])
      return /^context:.*causeway/m.test(stdout)
    })
    const { now } = await why(lab, job)
    assert.ok(
      now.length > 0 && now.every((reason) => reason.job === job && reason.code !== 'Running'),
      JSON.stringify(now),
    )
    assert.deepEqual(await statesOf(lab, job), ['qw'])
    await must(lab.asAlice(['qdel', job]))
    await shrunk(lab)
  })
})

describe('bad days of Grid Engine', () => {
  let lab: Lab | undefined
  afterEach(() => lab?.down())

  test('a node that never boots: deadline, deleted, the job runs elsewhere, and why says so', async () => {
    lab = await sgeUp({}, (config) => {
      config.policy.deadlines.boot = '3s'
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
    lab = await sgeUp()
    const job = await qsub(lab, 'sleep 4; hostname', '-r', 'y')
    await jobIs(lab, job, 'r')
    await lab.powerOff('east')
    await lab.powerOn('east')
    const cluster = lab
    await until('the lost machine is noticed', 120_000, () => lives(cluster).some((life) => life.phase === 'gone'))
    assert.equal((await allNodes(lab))[0]?.failure?.code, 'MachineLost')
    assert.match(await finished(lab, job), /^(east|west)-\d$/m)
    await shrunk(lab)
  })

  test('while the controller is away users submit as ever, and it finds their jobs when it is back', async () => {
    lab = await sgeUp()
    await lab.controller?.kill('SIGKILL')
    const job = await qsub(lab, 'hostname', '-pe', 'mpi', '2')
    assert.deepEqual(await statesOf(lab, job), ['qw'])
    await lab.startController()
    await finished(lab, job)
    await shrunk(lab)
    assert.equal(lives(lab).length, 1)
  })

  test('sge_qmaster killed while a node installs: the job runs once', async () => {
    lab = await sgeUp()
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

/** The names of the nodes that there are. */
function living(lab: Lab): string[] {
  return lives(lab)
    .filter((life) => life.phase !== 'gone')
    .map((life) => life.name)
}
