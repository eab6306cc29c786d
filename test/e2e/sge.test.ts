import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { must } from '../../lab/demo/must.ts'
import type { Lab } from '../../lab/lab.ts'
import { until } from '../../lab/until.ts'
import { lifeReaches, lives, shrunk, why } from './cluster.ts'
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
    // None ends before one has run at west, however long a node takes there.
    const script = 'echo "$SGE_TASK_ID $(hostname)"; hostname >>ran; until grep -q west ran; do sleep 0.2; done'
    const job = await qsub(lab, script, '-t', '1-10', '-wd', '/home/alice')
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
    // A drain may be over before this process gets a turn.
    for (let attempt = 1; !(await killedInDrain()); attempt++) assert.ok(attempt < 10, 'no node was seen draining')
  })

  /** Kills the controller while it drains a node, and has a job for the next one; false when the drain was over before. */
  async function killedInDrain(): Promise<boolean> {
    const before = new Set(lives(lab).map((life) => life.id))
    await finished(lab, await qsub(lab, 'hostname'))
    await lifeReaches(lab, ['draining', 'deleting', 'gone'], before)
    await lab.controller?.kill('SIGKILL')
    const mine = () => lives(lab).filter((life) => !before.has(life.id))
    const [drained] = mine()
    const inTime = drained?.phase === 'draining'
    const job = inTime ? await qsub(lab, 'hostname') : null
    await lab.startController()
    if (job !== null) await finished(lab, job)
    await shrunk(lab)
    if (inTime)
      assert.deepEqual(
        mine().map((life) => life.id),
        [drained.id],
      )
    return inTime
  }

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

/** The names of the nodes that there are. */
function living(lab: Lab): string[] {
  return lives(lab)
    .filter((life) => life.phase !== 'gone')
    .map((life) => life.name)
}
