import assert from 'node:assert/strict'
import { cpSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { lightImage, lightImageFolder } from '../../lab/assets.ts'
import { imagePort, places } from '../../lab/config.ts'
import { must } from '../../lab/demo/must.ts'
import { jobStates } from '../../lab/demo/results.ts'
import type { Lab } from '../../lab/lab.ts'
import { underlayAddress } from '../../lab/network.ts'
import { until } from '../../lab/until.ts'
import type { SiteReport } from '../../src/elastic/site-keeper.ts'
import type { NodeReport, TimelineReport } from '../../src/hooks/reports.ts'
import { clusterUp, jobReaches, type Life, lives, patienceMs, submit } from './cluster.ts'
import { remains } from './remains.ts'

/** What the nodes fetch through their site's cache, and a server of which no cache knows. */
const indexUrl = 'http://mirror.lab/debian/dists/bookworm/InRelease'
const outsideUrl = `http://${underlayAddress('head')}:${imagePort}/`

const exchange = readFileSync(new URL('../../lab/demo/jobs/exchange', import.meta.url), 'utf8')

/**
 * Each node says whom of the others it reaches at the port of slurmd, what it gets from the mirror, and what a server outside
 * answers; then the first two exchange data.
 */
const program = `nodes=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
for node in $nodes; do
  if (exec 3<>"/dev/tcp/$node/6818"); then echo "reaches $node"; fi
done
curl -sf ${indexUrl} | sha256sum | sed 's/^/index /; s/ *-$//'
curl -s -o /dev/null -w 'outside %{http_code}\\n' --max-time 20 ${outsideUrl}
[ "$SLURM_PROCID" -gt 1 ] || bash -c "$0" exchange "\${nodes%%[[:space:]]*}" 1000000`

/** Runs it as a job at these places; resolves to the nodes that it had, after all has been found right. */
async function meet(lab: Lab, count: number, ...words: string[]): Promise<string[]> {
  const usual = [`--nodes=${count}`, '--ntasks-per-node=1', '--exclusive', '--label', '--chdir=/tmp']
  const argv = ['srun', ...usual, ...words, 'bash', '-c', program, exchange]
  const { code, stdout, stderr } = await lab.asAlice(argv, { timeoutMs: 300_000 })
  assert.equal(code, 0, stderr)
  const said = [...`${stdout}\n${stderr}`.matchAll(/^(\d+): (\S+) (\S+)$/gm)]
  const values = (wanted: string) => said.flatMap(([, , what, value]) => (what === wanted && value ? [value] : []))
  const reached = values('reaches')
  const nodes = [...new Set(reached)]
  assert.equal(nodes.length, count)
  assert.equal(reached.length, count * count, 'each reaches each')
  assert.equal(values('index').length, count)
  assert.equal(new Set(values('index')).size, 1)
  assert.deepEqual(new Set(values('outside')), new Set(['404']))
  assert.match(values('received')[0] ?? '', /^[0-9a-f]{64}$/)
  assert.deepEqual(values('received'), values('sent'))
  return nodes
}

/** The lives of east that are there, by their host. */
function atEast(lab: Lab): Record<'east' | 'annex', Life[]> {
  const there = lives(lab).filter(({ site, phase }) => site === 'east' && phase !== 'gone')
  const of = (name: string) => there.filter(({ host }) => host === name)
  return { east: of('east'), annex: of('annex') }
}

/** How many nodes each host of east has. */
function spread(lab: Lab): [number, number] {
  const { east, annex } = atEast(lab)
  return [east.length, annex.length]
}

async function report<T>(lab: Lab, ...argv: string[]): Promise<T> {
  return JSON.parse(await must(lab.causeway([...argv, '--json']))) as T
}

/** Requests that a host's cache has answered, of files with this end. */
function served(lab: Lab, end: string): { url: string; client: string; outcome: string }[] {
  const lines = lab.hosts.east.read(places.cacheLog).split('\n').filter(Boolean)
  return lines.map((line) => JSON.parse(line)).filter(({ url }) => url.endsWith(end))
}

/** Bytes that have left the head. */
async function sentByHead(lab: Lab): Promise<number> {
  const [link] = JSON.parse(await must(lab.head.exec(['ip', '-j', '-s', 'link', 'show', 'dev', 'eth0'])))
  return link.stats64.tx.bytes
}

async function drain(lab: Lab, ...place: string[]): Promise<string> {
  return await must(lab.causeway(['site', 'drain', ...place, '--wait'], { timeoutMs: patienceMs }))
}

/** Puts the light image into the head's store. */
async function storeImage(lab: Lab): Promise<number> {
  const file = join(await lightImageFolder(), lightImage.disk)
  const incoming = '/var/lib/causeway/images/incoming.qcow2'
  cpSync(file, lab.head.path(incoming))
  await must(lab.causeway(['image', 'add', 'light', incoming]))
  return statSync(file).size
}

describe('a site with a pool of two hosts, the gateway and a further one', () => {
  let lab: Lab
  before(async () => {
    const nodes = { east: 4, west: 1 }
    lab = await clusterUp({ machines: 'libvirt', annex: true, slurmdTimeout: 30, nodes }, (config) => {
      for (const site of Object.values(config.sites)) site.nodes.idle = '10m'
      config.sites.east.driver = { ...config.sites.east.driver, image: 'light', shutdown: '0s' }
    })
  })
  after(async () => {
    await lab.down()
    assert.deepEqual(await lab.leftovers(), [])
  })

  test('a job has a node on each, which reach each other, the other site, the cache and the outside', async () => {
    const bytes = await storeImage(lab)
    const before = await sentByHead(lab)
    const nodes = await meet(lab, 3, '--constraint=[site-east*2&site-west*1]')
    assert.deepEqual(nodes.toSorted(), ['east-1', 'east-2', 'west-1'])
    assert.deepEqual(spread(lab), [1, 1])

    const sent = (await sentByHead(lab)) - before
    assert.ok(sent > bytes && sent < 1.5 * bytes, `the image of ${bytes} bytes left the head once: ${sent} were sent`)
    const brought = served(lab, '.qcow2').map(({ client }) => client)
    assert.deepEqual(new Set(brought), new Set([underlayAddress('east'), underlayAddress('annex')]))
    const clients = served(lab, '/InRelease').map(({ client }) => client)
    assert.deepEqual(clients.toSorted(), ['10.77.1.1', '10.77.1.2'])
  })

  test('nodes, timeline and site list tell the hosts', async () => {
    const [one] = atEast(lab).annex
    assert.ok(one)
    const nodes = await report<NodeReport[]>(lab, 'nodes')
    assert.equal(nodes.find(({ name }) => name === one.name)?.host, 'annex')
    assert.match(await must(lab.causeway(['nodes'])), new RegExp(`^${one.name} +east +annex +ready`, 'm'))
    const { lives: told } = await report<TimelineReport>(lab, 'timeline', one.name)
    assert.ok(told[0]?.events.some(({ text, facts }) => facts['host'] === 'annex' || /\bannex\b/.test(text)))
    const sites = await report<SiteReport[]>(lab, 'site', 'list')
    const hosts = sites.find(({ site }) => site === 'east')?.hosts ?? []
    assert.deepEqual(
      hosts.map(({ host, nodes, closed, freeMemoryMiB }) => [host, nodes, closed, (freeMemoryMiB ?? 0) > 0]),
      [
        ['east', 1, null, true],
        ['annex', 1, null, true],
      ],
    )
  })

  test('power cut at a host, under a controller that never saw it: the job runs elsewhere, and nothing is left over', async () => {
    const [lost] = atEast(lab).annex
    assert.ok(lost)
    // Its first run has no end.
    const command = '[ "$SLURM_RESTART_COUNT" ] || srun sleep infinity'
    const job = await submit(lab, command, '--requeue', '--nodes=2', '--constraint=site-east')
    const steps = ['squeue', '--noheader', '--steps', `--job=${job}`, '--format=%i']
    await until('it runs', patienceMs, async () => (await must(lab.asAlice(steps))).includes(`${job}.0`))
    await lab.powerOff('annex')
    await lab.controller?.kill('SIGKILL')
    await lab.startController()
    await until('its node is unreachable', patienceMs, () =>
      lives(lab).some(({ id, unreachableSinceMs }) => id === lost.id && unreachableSinceMs !== null),
    )
    const shown = () => must(lab.head.exec(['scontrol', 'show', 'job', job]))
    await until('Slurm takes the job back', patienceMs, async () => (await shown()).includes('Restarts=1'))
    // Slurm would let it wait for two minutes; where it does not wait, this is refused.
    await lab.head.exec(['scontrol', 'update', `jobid=${job}`, 'starttime=now'])
    await jobReaches(lab, job, 'COMPLETED')
    assert.deepEqual(spread(lab), [2, 1], 'a node was made for it at the other host, and none in place of the lost one')
    const list = (await jobStates(lab)).get(job)?.nodes ?? ''
    const ran = (await must(lab.head.exec(['scontrol', 'show', 'hostnames', list]))).trim()
    const names = atEast(lab).east.map(({ name }) => name)
    assert.deepEqual(ran.split('\n').toSorted(), names.toSorted())

    await lab.powerOn('annex')
    await until('the lost node is gone', patienceMs, () =>
      lives(lab).some(({ id, phase }) => id === lost.id && phase === 'gone'),
    )
    assert.deepEqual(
      (await remains(lab)).filter((line) => line.startsWith('annex')),
      [],
    )
  })

  test('a host that is drained becomes empty, and new nodes go to the other', async () => {
    assert.match(await drain(lab, 'east', '--host', 'east'), /^host east of east is empty$/m)
    assert.deepEqual(spread(lab), [0, 0])
    await meet(lab, 2, '--constraint=site-east')
    assert.deepEqual(spread(lab), [0, 2])
  })

  test('nothing is left when both sites are drained', async () => {
    await Promise.all([drain(lab, 'east'), drain(lab, 'west')])
    assert.deepEqual(lab.machines(), [])
    assert.deepEqual(await remains(lab), [])
  })
})
