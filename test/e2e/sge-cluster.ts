import type { LabConfig } from '../../lab/config.ts'
import { must } from '../../lab/demo/must.ts'
import type { Lab, LabOptions } from '../../lab/lab.ts'
import { until } from '../../lab/until.ts'
import { clusterUp } from './cluster.ts'

/** The longest that any state of the queue is waited for, ms. */
const patienceMs = 300_000

/** A lab with Grid Engine whose controller runs; nodes go after two idle seconds unless said otherwise. */
export async function sgeUp(
  options: Partial<LabOptions> = {},
  change: (config: LabConfig) => void = () => undefined,
): Promise<Lab> {
  const lab = await clusterUp({ name: 'sgelab', scheduler: 'sge', ...options }, (config) => {
    // The tests name the nodes that they get: the preferred ones, also when these were there a moment ago.
    config.policy.grace.reuse = '0s'
    // Nobody tells the controller that a job has ended.
    config.controller.poll = '3s'
    change(config)
  })
  try {
    await isSetUp(lab)
    return lab
  } catch (thrown) {
    await lab.down()
    throw thrown
  }
}

/** Resolves when the controller has made what it needs in the cell: until then Grid Engine turns jobs away. */
export async function isSetUp(lab: Lab): Promise<void> {
  await until('the controller has made its objects in the cell', 120_000, async () => {
    const { stdout } = await lab.head.exec(['qconf', '-sq', 'all.q'])
    return stdout.includes('@site-west=')
  })
}

/** Submits a shell script as alice with plain qsub; returns the job's id. */
export async function qsub(lab: Lab, script: string, ...words: string[]): Promise<string> {
  const output = ['-j', 'y', '-o', '/home/alice/out-$JOB_ID', '-N', 'e2e']
  const said = await must(lab.asAlice(['qsub', '-terse', ...output, ...words], { stdin: `${script}\n` }))
  return said.trim().replace(/\..*$/, '') // of an array, the ids of its elements follow a dot
}

/** The states of a job's entries in the queue, `qw`, `r`, `hqw`, ...; empty when it has ended. */
export async function statesOf(lab: Lab, job: string): Promise<string[]> {
  const lines = (await must(lab.head.exec(['qstat', '-u', '*']))).split('\n').slice(2)
  const fields = lines.map((line) => line.trim().split(/\s+/))
  return fields.filter(([id]) => id === job).map((columns) => columns[4] ?? '')
}

/** Resolves when some entry of the job has this state. */
export async function jobIs(lab: Lab, job: string, state: string): Promise<void> {
  await until(`job ${job} is ${state}`, patienceMs, async () => (await statesOf(lab, job)).includes(state))
}

/** What the accounting says of an ended job, a record for each element, the lines of a record as `name value`. */
async function accounted(lab: Lab, job: string): Promise<Map<string, string>[]> {
  const { code, stdout } = await lab.head.exec(['qacct', '-j', job])
  if (code !== 0) return [] // it is written a little after the end
  const records = stdout.split(/^=+$/m).slice(1)
  return records.map(
    (record) => new Map(record.split('\n').map((line) => [line.slice(0, 13).trim(), line.slice(13).trim()])),
  )
}

/** Resolves when the job has ended, to its records in the accounting. It must have succeeded, all of its elements. */
export async function succeeded(lab: Lab, job: string, elements = 1): Promise<Map<string, string>[]> {
  await until(`job ${job} has ended`, patienceMs, async () => (await statesOf(lab, job)).length === 0)
  const good = await until(`job ${job} is in the accounting`, patienceMs, async () => {
    const records = (await accounted(lab, job)).filter((record) => record.get('failed') === '0')
    return records.length >= elements && records
  })
  for (const record of good) {
    if (record.get('exit_status') !== '0') throw new Error(`job ${job} ended with ${record.get('exit_status')}`)
  }
  return good
}

/** The same, to what it wrote; its nodes must share the head's /home. */
export async function finished(lab: Lab, job: string, elements = 1): Promise<string> {
  await succeeded(lab, job, elements)
  return lab.head.read(`/home/alice/out-${job}`)
}

/** What `qstat -f` shows in the column `states` of the queue's instance at a host; null when there is none. */
export async function instanceState(lab: Lab, host: string): Promise<string | null> {
  const line = (await must(lab.head.exec(['qstat', '-f'])))
    .split('\n')
    .find((text) => text.startsWith(`all.q@${host} `))
  return line === undefined ? null : (line.trim().split(/\s+/)[5] ?? '')
}

/** Everything that Grid Engine knows of hosts beside the head itself. */
export async function knownHosts(lab: Lab): Promise<string[]> {
  const found: string[] = []
  const ask = async (...argv: string[]) => {
    const { code, stdout, stderr } = await lab.head.exec(argv)
    if (code !== 0 && !/no config defined/.test(stdout + stderr))
      throw new Error(`${argv.join(' ')}: ${stdout}${stderr}`)
    return stdout.split(/\s+/)
  }
  for (const argv of [
    ['qconf', '-sel'],
    ['qconf', '-sh'],
    ['qconf', '-sconfl'],
    ['qconf', '-sq', 'all.q'],
    ['qconf', '-shgrp', '@elastic'],
    ['qconf', '-shgrp', '@site-east'],
    ['qconf', '-shgrp', '@site-west'],
  ]) {
    for (const word of await ask(...argv)) if (/(east|west)-\d/.test(word)) found.push(`${argv.join(' ')}: ${word}`)
  }
  return found
}
