import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { afterEach, describe, test } from 'node:test'
import { stringify } from 'yaml'
import { must } from '../../lab/demo/must.ts'
import type { Lab } from '../../lab/lab.ts'
import type { ReplayReport } from '../../src/elastic/replay.ts'
import { jobReaches, shrunk, submit } from './cluster.ts'
import { policyUp } from './policies.ts'

const folder = '/var/lib/causeway/rounds'

describe('what the controller records', () => {
  let lab: Lab | undefined
  afterEach(() => lab?.down())

  test('is replayed against another policy, and simulated as a trace', async () => {
    lab = await policyUp((config) => Object.assign(config.controller, { record: { folder } }))
    const jobs = [await submit(lab, 'sleep 1'), await submit(lab, 'sleep 1', '--constraint=site-west')]
    for (const job of jobs) await jobReaches(lab, job, 'COMPLETED')
    await shrunk(lab)
    assert.equal(await lab.controller?.kill(), 0)
    const [name, ...more] = readdirSync(lab.head.path(folder))
    assert.deepEqual([/^rounds-.*\.jsonl\.gz$/.test(name ?? ''), more], [true, []])
    const recording = `${folder}/${name}`

    const patient = policyFile('1h')
    lab.head.write('/root/patient.yaml', { content: patient })
    lab.head.write('/root/same.yaml', { content: policyFile('2s') })
    const cluster = lab
    const replayed = async (policy: string) =>
      JSON.parse(await must(cluster.causeway(['replay', recording, '--policy', policy, '--json']))) as ReplayReport
    const { rounds, differing, decisions, differences } = await replayed('/root/patient.yaml')
    assert.ok(rounds > 10 && differing > 0, `${differing} of ${rounds} rounds`)
    assert.deepEqual(
      decisions.find(({ decision }) => decision === 'drain Idle'),
      { decision: 'drain Idle', recorded: 2, replayed: 0 },
    )
    assert.match(differences[0]?.onlyRecorded.join() ?? '', /^drain (east|west)-1: idle for /)
    assert.equal((await replayed('/root/same.yaml')).differing, 0)
    const text = await must(lab.causeway(['replay', recording, '--policy', '/root/patient.yaml']))
    assert.match(text, /rounds, \d+ of them decided differently/)

    const policies = ['--policy', '/root/same.yaml', '--compare', '/root/patient.yaml']
    const table = await must(lab.causeway(['simulate', ...policies, '--trace', recording]))
    assert.match(table, /same[^\n]*patient/)
    assert.match(table, /node-hours/i)
  })
})

/** The lab's sites and rules, with another idle time. */
function policyFile(idle: string): string {
  const nodes = { idle, cpus: 2, memory: '1500MiB' }
  return stringify({
    sites: { east: { order: 1, nodes: { maximum: 2, ...nodes } }, west: { order: 2, nodes: { maximum: 4, ...nodes } } },
    policy: {
      deadlines: { create: '30s', boot: '60s', install: '3m', enrol: '1m' },
      breaker: { failures: 2, cooldown: '5m' },
    },
  })
}
