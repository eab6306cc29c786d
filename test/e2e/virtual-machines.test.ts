import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { release } from 'node:os'
import { after, before, describe, test } from 'node:test'
import type { Lab } from '../../lab/lab.ts'
import { until } from '../../lab/until.ts'
import { clusterUp, type Life, lives, patienceMs, shrunk } from './cluster.ts'
import { remains } from './remains.ts'

const bytes = 1_000_000
const exchange = readFileSync(new URL('../../lab/demo/jobs/exchange', import.meta.url), 'utf8')
const wrapper = `uname -r
receiver=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
exec bash -c "$0" exchange "$receiver" ${bytes}`

/** What a job said, by task. */
type Said = ReadonlyMap<string, string>

const acrossSites = '[site-east*1&site-west*1]'

/**
 * Runs a job of two nodes that exchange random bytes; resolves when it has ended well. The nodes share no
 * /home with the head: what they print comes over srun's own connections, through the overlay too.
 */
async function exchangeJob(lab: Lab, places: string): Promise<Said> {
  const words = ['--nodes=2', '--ntasks-per-node=1', '--exclusive', '--label', '--chdir=/tmp']
  const argv = ['srun', ...words, `--constraint=${places}`, 'bash', '-c', wrapper, exchange]
  const { code, stdout, stderr } = await lab.asAlice(argv, { timeoutMs: 300_000 })
  assert.equal(code, 0, stderr)
  const lines = `${stdout}\n${stderr}`.matchAll(/^([01]): (\S+)(?: (\S+))?$/gm)
  return new Map([...lines].map(([, task, what, value]) => [`${task} ${value ? what : 'kernel'}`, value ?? what ?? '']))
}

function assertExchanged(said: Said): void {
  assert.match(said.get('0 received') ?? '', /^[0-9a-f]{64}$/)
  assert.equal(said.get('0 received'), said.get('1 sent'))
  assert.match(said.get('0 peer') ?? '', /^10\.77\.[12]\.\d+$/)
}

const sitesOf = (machines: readonly Life[]) => machines.map(({ site }) => site).sort()

describe('virtual machines at two sites, on real Slurm over the overlay', () => {
  let lab: Lab
  before(async () => {
    lab = await clusterUp({ machines: 'libvirt', caches: false, annex: true, nodes: { east: 2, west: 1 } })
  })
  after(async () => {
    await lab.down()
    assert.deepEqual(await lab.leftovers(), [])
  })

  test('a job runs on a machine at each site, and its nodes exchange data over the overlay', async () => {
    const said = await exchangeJob(lab, acrossSites)
    assertExchanged(said)
    for (const task of ['0', '1']) assert.notEqual(said.get(`${task} kernel`), release())
    assert.deepEqual(sitesOf(lives(lab)), ['east', 'west'])
  })

  test('machines, disks, seeds and ports are gone when nobody needs them', async () => {
    await shrunk(lab)
    assert.deepEqual(await remains(lab), [])
  })

  test('a job runs on both hosts of a pool', async () => {
    const before = lives(lab).length
    assertExchanged(await exchangeJob(lab, 'site-east'))
    const hosts = lives(lab)
      .slice(before)
      .map(({ host }) => host)
    assert.deepEqual(new Set(hosts), new Set(['annex', 'east']))
    await shrunk(lab)
  })

  test('a controller that is killed while machines boot loses none of them', async () => {
    const before = lives(lab).length
    const job = exchangeJob(lab, acrossSites)
    // One may be faster than the other.
    const booting = await until('machines boot at both sites', patienceMs, () => {
      const now = lives(lab).slice(before)
      return now.length === 2 && now.every(({ phase }) => /booting|installing|enrolling|ready/.test(phase)) && now
    })
    await lab.controller?.kill('SIGKILL')
    await lab.startController()
    assertExchanged(await job)
    assert.deepEqual(
      lives(lab)
        .slice(before)
        .map(({ id }) => id),
      booting.map(({ id }) => id),
    )
    await shrunk(lab)
    assert.deepEqual(await remains(lab), [])
  })
})
