import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { giveTypes } from '../../lab/config.ts'
import { must } from '../../lab/demo/must.ts'
import { jobStates } from '../../lab/demo/results.ts'
import { Lab } from '../../lab/lab.ts'
import { until } from '../../lab/until.ts'
import { allNodes, clusterUp, jobReaches, lifeReaches, lives, shrunk, submit, why } from './cluster.ts'
import { labName } from './lab-name.ts'
import { gate, open } from './policies.ts'

const sitesFile = '/etc/slurm/causeway-sites'

describe('Slurm with dynamic nodes', () => {
  let lab: Lab

  describe('where all goes well', () => {
    before(async () => {
      lab = await Lab.up({ name: labName, scheduler: 'slurm-dynamic' })
      // An admin makes it, the controller fills it in: job_submit.lua keeps jobs in one of these sites.
      lab.head.write(sitesFile, { content: '' })
      lab.configure((config) => {
        for (const site of Object.values(config.sites)) site.nodes.idle = '2s'
      })
      await lab.startController()
    })
    after(() => lab?.down())

    test('an array, larger than the preferred site, grows the cluster from nothing over both sites', async () => {
      assert.deepEqual(await queueNodes(lab), [])
      // None ends before one has run at west, however long a node takes there.
      const command = 'hostname | tee -a ran; until grep -q west ran; do sleep 0.2; done'
      const words = ['--array=1-6', '--chdir=/home/alice', '--output=/home/alice/out-%A_%a']
      const job = await submit(lab, command, ...words)
      for (let k = 1; k <= 6; k++) await jobReaches(lab, `${job}_${k}`, 'COMPLETED')
      const ranOn = [1, 2, 3, 4, 5, 6].map((k) => lab.head.read(`/home/alice/out-${job}_${k}`).trim())
      const sites = new Set(ranOn.map((node) => node.split('-')[0] ?? ''))
      assert.deepEqual([...sites].sort(), ['east', 'west'])
      await shrunk(lab)
      assert.deepEqual(await queueNodes(lab), [])
    })

    test('a job of three nodes has them all at one site, and its tasks start there', async () => {
      await until('the sites are written down', 120_000, () => lab.head.read(sitesFile) === 'site-east\nsite-west\n')
      const job = await submit(lab, 'srun hostname', '--nodes=3')
      await jobReaches(lab, job, 'COMPLETED')
      const ranOn = lab.head.read(`/home/alice/out-${job}`).trim().split('\n')
      assert.equal(new Set(ranOn).size, 3)
      assert.ok(ranOn.every((node) => node.startsWith('west-')))
      await shrunk(lab)
      assert.deepEqual(await queueNodes(lab), [])
    })

    test("a node that an admin has drained takes no job, and another is made; Causeway's own nodes drain before they go", async () => {
      const first = await submit(lab, gate('first'))
      await jobReaches(lab, first, 'RUNNING')
      const [drained] = await queueNodes(lab)
      assert.equal(drained, 'east-1')
      await must(lab.head.exec(['scontrol', 'update', 'nodename=east-1', 'state=drain', 'reason=disk']))
      const second = await submit(lab, 'hostname')
      await jobReaches(lab, second, 'COMPLETED')
      assert.notEqual(lab.head.read(`/home/alice/out-${second}`).trim(), 'east-1')
      open(lab, 'first')
      await jobReaches(lab, first, 'COMPLETED')
      await must(lab.head.exec(['scontrol', 'update', 'nodename=east-1', 'state=idle']))
      await shrunk(lab)
      for (const node of await allNodes(lab)) assert.ok('draining' in node.phasesMs, `${node.name} was draining`)
      assert.deepEqual(await queueNodes(lab), [])
    })

    test('a job larger than all sites together waits, and nothing is made for it', async () => {
      const before = lives(lab).length
      const job = await submit(lab, 'hostname', '--nodes=7')
      await until('the job has been seen', 120_000, async () => (await lab.causeway(['why', job])).code === 0)
      assert.equal((await why(lab, job)).now[0]?.code, 'NotEligible')
      assert.equal((await jobStates(lab)).get(job)?.state, 'PENDING')
      assert.equal(lives(lab).length, before)
      await must(lab.head.exec(['scancel', job]))
    })
  })

  test('slurmctld is killed as a node registers, and forgets it: another is made, and the job completes', async () => {
    // Without a job: one that began as slurmctld was killed would be held by Slurm itself.
    lab = await clusterUp({ scheduler: 'slurm-dynamic' }, (config) => {
      config.sites.east.nodes.minimum = 1
    })
    try {
      const first = await lifeReaches(lab, 'ready')
      await lab.slurm?.slurmctld.kill('SIGKILL')
      // slurmctld writes a new node down within seconds; it died before, however slow this machine is.
      const states = ['node_state', 'node_state.old'].map((name) => `/var/lib/slurm/slurmctld/${name}`)
      await must(lab.head.exec(['rm', '-f', ...states]))
      await lab.slurm?.restart()
      assert.deepEqual(await queueNodes(lab), [])
      const job = await submit(lab, 'hostname')
      await jobReaches(lab, job, 'COMPLETED')
      assert.equal(lives(lab).find((life) => life.id === first.id)?.phase, 'gone')
      assert.equal((await queueNodes(lab)).length, 1)
    } finally {
      await lab.down()
    }
  })

  test('of two node types the one is made that a job needs, though the other is there', async () => {
    lab = await clusterUp({ scheduler: 'slurm-dynamic' }, (config) => {
      const { nodes } = config.sites.east
      giveTypes(config, 'east', {
        small: { ...nodes, maximum: 2, minimum: 1, order: 1 },
        big: { ...nodes, maximum: 1, cpus: 4, order: 2 },
      })
    })
    try {
      await lifeReaches(lab, 'ready')
      const job = await submit(lab, 'hostname; sleep 1', '--cpus-per-task=4', '--constraint=site-east')
      await jobReaches(lab, job, 'COMPLETED')
      assert.equal(lab.head.read(`/home/alice/out-${job}`).trim(), 'east-big-1')
      assert.deepEqual(
        lives(lab)
          .map((life) => life.name)
          .sort(),
        ['east-big-1', 'east-small-1'],
      )
    } finally {
      await lab.down()
    }
  })

  test('a node that never boots: its job runs elsewhere, and Slurm keeps nothing of the node', async () => {
    lab = await clusterUp({ scheduler: 'slurm-dynamic' }, (config) => {
      config.policy.deadlines.boot = '15s' // enough for those at west, also on a slow machine
      config.policy.breaker.failures = 1
    })
    try {
      // Frames from machines at east go nowhere: to everybody else such a machine never comes up.
      const rules =
        'table bridge dead { chain pre { type filter hook prerouting priority -300; iifname "cwp*" drop; }; }'
      await must(lab.hosts.east.exec(['nft', '-f', '-'], { stdin: rules }))
      const job = await submit(lab, 'hostname')
      await jobReaches(lab, job, 'COMPLETED')
      assert.match(lab.head.read(`/home/alice/out-${job}`), /^west-/)
      assert.match((await lab.causeway(['why', job])).stdout, /BootTimeout/)
      await shrunk(lab)
      assert.deepEqual(await queueNodes(lab), [])
    } finally {
      await lab.down()
    }
    assert.deepEqual(await lab.leftovers(), [])
  })
})

/** The nodes that Slurm knows, but those that only stand for what can be made. */
async function queueNodes(lab: Lab): Promise<string[]> {
  const names = (await must(lab.head.exec(['sinfo', '--all', '--noheader', '--Node', '--format=%N']))).trim()
  return [...new Set(names.split('\n'))].filter((node) => node !== '' && !node.startsWith('causeway-possible-'))
}
