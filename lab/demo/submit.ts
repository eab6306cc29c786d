import { readFileSync } from 'node:fs'
import { alice } from '../accounts.ts'
import type { Lab } from '../lab.ts'
import { must } from './must.ts'

/** Bytes that the nodes of a two-node job send to each other. */
export const exchangedBytes = 4 * 1024 * 1024

/** A job as it was submitted. */
export interface Submitted {
  /** As users write it; an array's elements are apart. */
  readonly id: string
  readonly kind: 'array' | 'inside west' | 'across sites'
  readonly nodeCount: number
  /** The sites that its nodes must be at, one entry a node; null where any will do. */
  readonly sites: readonly string[] | null
  /** When sbatch was called, ms since the epoch. */
  readonly submittedAtMs: number
}

/** Puts the job scripts into alice's home. */
export function placeJobs(lab: Lab): void {
  for (const name of ['work', 'pair', 'exchange']) {
    const content = readFileSync(new URL(`jobs/${name}`, import.meta.url))
    lab.head.write(`/home/alice/${name}`, { content, mode: 0o755, uid: alice.uid, gid: alice.gid })
  }
}

/**
 * What alice does: an array of whole-node jobs, twice as many as the first site has nodes, a two-node job that must stay
 * inside `west`, and one that must span both sites.
 */
export async function submitAll(lab: Lab): Promise<Submitted[]> {
  const elements = lab.nodes.east * 2
  const array = await sbatch(lab, [`--array=1-${elements}`, '--output=/home/alice/out-%A_%a', 'work', '4'])
  const pair = ['--nodes=2', '--ntasks-per-node=1', '--output=/home/alice/out-%j']
  const inside = await sbatch(lab, [...pair, '--constraint=site-west', 'pair', String(exchangedBytes)])
  const across = await sbatch(lab, [...pair, '--constraint=[site-east*1&site-west*1]', 'pair', String(exchangedBytes)])
  return [
    ...Array.from({ length: elements }, (_, i) => ({
      id: `${array.id}_${i + 1}`,
      kind: 'array' as const,
      nodeCount: 1,
      sites: null,
      submittedAtMs: array.atMs,
    })),
    { id: inside.id, kind: 'inside west', nodeCount: 2, sites: ['west', 'west'], submittedAtMs: inside.atMs },
    { id: across.id, kind: 'across sites', nodeCount: 2, sites: ['east', 'west'], submittedAtMs: across.atMs },
  ]
}

async function sbatch(lab: Lab, words: readonly string[]): Promise<{ id: string; atMs: number }> {
  const atMs = Date.now()
  const said = await must(lab.asAlice(['sbatch', '--parsable', '--exclusive', ...words]))
  return { id: said.trim(), atMs }
}
