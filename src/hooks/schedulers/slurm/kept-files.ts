import { dirname, join } from 'node:path'
import type { PlacementRule } from '../../../elastic/plan/policy.ts'
import type { Registration } from '../../../elastic/scheduler.ts'
import { heading, nodeLine } from './conf.ts'
import { replaceFile } from './replace-file.ts'
import type { SlurmNode } from './sinfo.ts'

/** The files of slurmctld that follow the configuration. Each is kept only where there is one: an admin makes it first. */
export interface KeptFiles {
  /** The file with the nodes, which slurm.conf includes; null: the admin keeps it. */
  readonly nodes: string | null
  /** The sites that scripts/slurm/job_submit.lua chooses from. */
  readonly sites: string
  /** The policy's rules for jobs of several nodes, as they are when it is asked; the same list as long as they are the same. */
  readonly placement: () => readonly PlacementRule[]
}

/** @param conf the path of slurm.conf: the file with the sites is beside it */
export function keptFiles(
  conf: string,
  nodesFile: string | undefined,
  placement: KeptFiles['placement'] = () => [],
): KeptFiles {
  return { nodes: nodesFile ?? null, sites: join(dirname(conf), 'causeway-sites'), placement }
}

/**
 * Brings the files up to date.
 * @param configured all nodes that there may be, preferred ones first
 * @param known all nodes that slurmctld knows
 * @throws CausewayError `InvalidConfig` when one of them can't be written
 */
export async function keepFiles(
  files: KeptFiles,
  configured: readonly Registration[],
  known: readonly SlurmNode[],
): Promise<void> {
  if (files.nodes !== null) await replaceFile(files.nodes, (old) => updatedNodes(old, configured, known))
  await replaceFile(files.sites, () => siteList(configured, known) + placementList(files.placement()))
}

/**
 * The file with the nodes, each line as it is configured now.
 *
 * The names in it stay the same: slurmctld 22.05 ends at a `scontrol reconfigure` that finds other names than its start has. Nodes
 * that are new in the configuration are made by `scontrol create`, and slurmctld itself keeps those over restarts. For the same
 * reason a node that was made so is taken out: named in a file as well, it would end slurmctld at its next reconfiguration.
 * What was measured: docs/design/003-slurm-states.md.
 */
export function updatedNodes(old: string, configured: readonly Registration[], known: readonly SlurmNode[]): string {
  const dynamic = new Set(known.filter((node) => node.dynamic).map((node) => node.name))
  const lines = old.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'))
  const byName = new Map(lines.map((line) => [/^NodeName=(\S+)/i.exec(line)?.[1] ?? line, line]))
  const wanted = configured.filter((node) => byName.has(node.name) && !dynamic.has(node.name))
  const isWanted = new Set(wanted.map((node) => node.name))
  const others = [...byName].filter(([name]) => !isWanted.has(name) && !dynamic.has(name)).map(([, line]) => line)
  return [heading, ...wanted.map(nodeLine), ...others, ''].join('\n')
}

/**
 * The sites between which a job of several nodes can choose, a feature a line: those of nodes that are somebody else's first, then
 * ours, preferred ones first. Only features that slurmctld knows: with any other one it would refuse the job.
 */
export function siteList(configured: readonly Registration[], known: readonly SlurmNode[]): string {
  const ours = new Set(configured.map((node) => `site-${node.site}`))
  const there = new Set(known.flatMap((node) => node.features.filter((feature) => feature.startsWith('site-'))))
  const others = [...there].filter((site) => !ours.has(site)).sort()
  return [...others, ...[...ours].filter((site) => there.has(site)), ''].join('\n')
}

/** The rules in their order, a line each: `placement PARTITION FEATURE one-site`, or `any-site`; `*` is any. */
export function placementList(rules: readonly PlacementRule[]): string {
  return rules
    .map(({ queue, feature, spread }) => {
      const how = spread === 'one-site' ? 'one-site' : 'any-site'
      return `placement ${queue || '*'} ${feature || '*'} ${how}\n`
    })
    .join('')
}
