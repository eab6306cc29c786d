import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { alice } from '../../lab/accounts.ts'
import type { SiteName } from '../../lab/config.ts'
import { must } from '../../lab/demo/must.ts'
import type { Lab } from '../../lab/lab.ts'
import { until } from '../../lab/until.ts'

/** What the nodes of a job send each other in clear text. */
export const plaintext = 'causeway plaintext from'

/** A job on one node of each site, whose nodes talk each with each (see mesh.pl). */
export interface Mesh {
  readonly job: string
  /** The folder on the head, and on all nodes, with what they noted. */
  readonly folder: string
  /** Where its nodes are. */
  readonly sites: readonly SiteName[]
}

/** An echo that came back to a node. */
export interface Echo {
  readonly from: string
  readonly to: string
  /** Ms since the epoch. */
  readonly askedAtMs: number
  readonly answeredAtMs: number
}

const program = readFileSync(new URL('mesh.pl', import.meta.url))

const script = `#!/bin/bash
set -euo pipefail
mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
mkdir -p "/home/alice/mesh-$SLURM_JOB_ID"
srun --ntasks=\${#nodes[@]} --ntasks-per-node=1 perl /home/alice/mesh.pl \\
  "/home/alice/mesh-$SLURM_JOB_ID" $((20000 + SLURM_JOB_ID % 10000)) "$1" "$2" "\${nodes[@]}"
`

/**
 * Submits the job as alice: a whole node at each of these sites, else at all of the lab's. Each node sends
 * `bytes` to each other, and with `until-stop` then some lines a second until `stopMesh`.
 */
export async function submitMesh(
  lab: Lab,
  mode: 'once' | 'until-stop',
  bytes: number,
  sites: readonly SiteName[] = lab.sites,
): Promise<Mesh> {
  const owner = { uid: alice.uid, gid: alice.gid, mode: 0o755 }
  lab.head.write('/home/alice/mesh.pl', { content: program, ...owner })
  lab.head.write('/home/alice/mesh', { content: script, ...owner })
  const places = `[${sites.map((site) => `site-${site}*1`).join('&')}]`
  const words = [`--nodes=${sites.length}`, '--ntasks-per-node=1', `--constraint=${places}`, '--no-requeue']
  const argv = ['sbatch', '--parsable', '--exclusive', '--output=/home/alice/out-%j', ...words]
  const job = (await must(lab.asAlice([...argv, 'mesh', String(bytes), mode]))).trim()
  return { job, folder: `/home/alice/mesh-${job}`, sites }
}

/** Tells the job's nodes to come to an end. */
export function stopMesh(lab: Lab, mesh: Mesh): void {
  lab.head.write(`${mesh.folder}/stop`, { content: '' })
}

/** The names of the job's nodes, as Slurm chose them. */
export async function nodesOf(lab: Lab, mesh: Mesh): Promise<string[]> {
  const list = (
    await must(lab.asAlice(['squeue', '--noheader', '--states=all', `--jobs=${mesh.job}`, '--format=%N']))
  ).trim()
  return (await must(lab.head.exec(['scontrol', 'show', 'hostnames', list]))).trim().split('\n')
}

/** The ordered pairs of a job's nodes. */
export function pairsOf(nodes: readonly string[]): [string, string][] {
  return nodes.flatMap((from) => nodes.filter((to) => to !== from).map((to): [string, string] => [from, to]))
}

/** Asserts that the job has run at its sites, and that each of its nodes got exactly what each other had sent it, over the segment. */
export async function assertAllTold(lab: Lab, mesh: Mesh): Promise<void> {
  const nodes = await nodesOf(lab, mesh)
  assert.deepEqual(nodes.map((node) => node.replace(/-\d+$/, '')).sort(), mesh.sites.toSorted())
  const sent = new Map<string, string>()
  const received = new Map<string, string>()
  for (const node of nodes) {
    for (const line of lab.head.read(`${mesh.folder}/result-${node}`).trim().split('\n')) {
      const [what = '', from = '', to = '', digest = '', address] = line.split(' ')
      assert.match(digest, /^[0-9a-f]{64}$/)
      ;(what === 'sent' ? sent : received).set(`${from} to ${to}`, digest)
      if (what === 'received') assert.match(address ?? '', /^10\.77\.[123]\./, line)
    }
  }
  assert.deepEqual(
    [...sent.keys()].sort(),
    pairsOf(nodes)
      .map(([from, to]) => `${from} to ${to}`)
      .sort(),
  )
  assert.deepEqual(Object.fromEntries(received), Object.fromEntries(sent))
}

/** The echoes so far. */
export function echoes(lab: Lab, mesh: Mesh, nodes: readonly string[]): Echo[] {
  return nodes.flatMap((from) => {
    const lines = readIfThere(lab, `${mesh.folder}/echo-${from}`).split('\n').slice(0, -1)
    return lines.map((line) => {
      const [to = '', asked, answered] = line.split(' ')
      return { from, to, askedAtMs: Number(asked), answeredAtMs: Number(answered) }
    })
  })
}

/**
 * Waits until each of these pairs has got an echo to a question asked since a moment.
 * @returns how long after that moment the first echo of the slowest pair was there, ms
 */
export async function allHear(
  lab: Lab,
  mesh: Mesh,
  pairs: readonly [string, string][],
  sinceMs = Date.now(),
): Promise<number> {
  const froms = [...new Set(pairs.map(([from]) => from))]
  const first = new Map<string, number>()
  const heard = until('all nodes hear each other', 120_000, () => {
    first.clear()
    for (const { from, to, askedAtMs, answeredAtMs } of echoes(lab, mesh, froms)) {
      const pair = `${from} ${to}`
      if (askedAtMs >= sinceMs && !first.has(pair)) first.set(pair, answeredAtMs)
    }
    return pairs.every(([from, to]) => first.has(`${from} ${to}`))
  })
  await heard.catch((cause: unknown) => {
    const silent = pairs.filter(([from, to]) => !first.has(`${from} ${to}`)).map((pair) => pair.join(' -> '))
    throw new Error(`no echo: ${silent.join(', ')}`, { cause })
  })
  return Math.max(...pairs.map(([from, to]) => first.get(`${from} ${to}`) ?? 0)) - sinceMs
}

function readIfThere(lab: Lab, path: string): string {
  try {
    return lab.head.read(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}
