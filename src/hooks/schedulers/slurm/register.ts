import { CausewayError } from '../../../base/errors.ts'
import type { Registration } from '../../../elastic/scheduler.ts'
import { compressHostlist } from '../../hostlist.ts'
import { cloudDefinition, weightOf } from './definition.ts'
import type { SlurmNode } from './sinfo.ts'

/** Nodes that Slurm does not know, of one kind. */
export interface NewNodes {
  readonly names: readonly string[]
  /** As in a line of slurm.conf. */
  readonly definition: readonly string[]
}

/** What is to be changed of nodes that Slurm knows. */
export interface Redefinition {
  readonly names: readonly string[]
  readonly features: readonly string[]
  readonly weight: number
}

/** What makes Slurm know nodes as they are configured. */
export interface RegistrationChanges {
  readonly create: readonly NewNodes[]
  readonly redefine: readonly Redefinition[]
}

/**
 * What to tell Slurm, given what it knows. Features that somebody else has given a node stay, but for `site-` and `type-`
 * ones, which are ours.
 * @param nodes preferred ones first: Slurm takes nodes without a machine in the order in which they were made
 */
export function registrationChanges(nodes: readonly Registration[], known: readonly SlurmNode[]): RegistrationChanges {
  const byName = new Map(known.map((node) => [node.name, node]))
  const unknown = nodes.filter((node) => !byName.has(node.name))
  const changed = nodes.flatMap((node): Redefinition[] => {
    const found = byName.get(node.name)
    if (!found) return []
    const features = [...node.features, ...found.features.filter((feature) => isForeign(feature, node))]
    const isSame = sorted(features) === sorted(found.features) && weightOf(node) === found.weight
    return isSame ? [] : [{ names: [node.name], features, weight: weightOf(node) }]
  })
  return { create: runs(unknown), redefine: grouped(changed) }
}

/**
 * What is not as it should be after Slurm was told, and what to do about it.
 * @param known all nodes that Slurm knows by now
 * @param maximum its MaxNodeCount, null if that could not be found out
 * @returns null when all is well
 */
export function registrationProblem(
  nodes: readonly Registration[],
  known: readonly SlurmNode[],
  maximum: number | null,
): CausewayError | null {
  const byName = new Map(known.map((node) => [node.name, node]))
  const seen = nodes.flatMap((node) => byName.get(node.name) ?? [])
  const missing = nodes.filter((node) => !byName.has(node.name)).map((node) => node.name)
  const homeless = seen.filter((node) => !node.inPartition)
  const resized = Map.groupBy(
    nodes.filter((node) => hasOtherSize(node, byName.get(node.name))),
    (node) => difference(node, byName.get(node.name)),
  )
  const problems: string[] = []
  if (missing.length > 0) {
    problems.push(
      `Slurm has no room for ${list(missing)}: MaxNodeCount is ${maximum ?? 'too small'}. Set it to ${
        known.length + missing.length
      } or more in slurm.conf and restart slurmctld (22.05 ends at \`scontrol reconfigure\` when it has changed)`,
    )
  }
  if (homeless.length > 0) {
    problems.push(
      `no partition of Slurm takes ${list(homeless.map((node) => node.name))}: give one Nodes=ALL, or a NodeSet with one of their features (${homeless[0]?.features.join(', ')})`,
    )
  }
  for (const [text, group] of resized) problems.push(`${list(group.map((node) => node.name))}: ${text}`)
  if (problems.length === 0) return null
  return new CausewayError('InvalidConfig', problems.join('; '), { facts: { missing: missing.slice(0, 20) } })
}

/** Only without a machine: of one that is there Slurm may show what it has. */
function hasOtherSize({ size }: Registration, seen: SlurmNode | undefined): boolean {
  if (seen?.power !== 'absent') return false
  return (seen.cpus ?? size.cpus) !== size.cpus || (seen.memoryMiB ?? size.memoryMiB) !== size.memoryMiB
}

function difference({ size }: Registration, seen: SlurmNode | undefined): string {
  const wayOut = seen?.dynamic
    ? 'delete the nodes (`scontrol delete nodename=...`) while they have no machine, and they are made anew'
    : 'write the file with the nodes again (`causeway slurm-nodes`) and restart slurmctld'
  return `Slurm has ${seen?.cpus} CPUs and ${seen?.memoryMiB} MiB, the configuration ${size.cpus} and ${size.memoryMiB}, which can't be changed while slurmctld runs: ${wayOut}`
}

function isForeign(feature: string, node: Registration): boolean {
  return !node.features.includes(feature) && !/^(site|type)-/.test(feature)
}

/** Nodes of one kind that follow one another, so that the order stays. */
function runs(nodes: readonly Registration[]): NewNodes[] {
  const made: { names: string[]; definition: string[] }[] = []
  for (const node of nodes) {
    const definition = cloudDefinition(node)
    const last = made.at(-1)
    if (last && last.definition.join() === definition.join()) last.names.push(node.name)
    else made.push({ names: [node.name], definition })
  }
  return made
}

function grouped(changes: readonly Redefinition[]): Redefinition[] {
  const groups = Map.groupBy(changes, ({ features, weight }) => [weight, ...features].join())
  return [...groups.values()].flatMap((group) => {
    const [first] = group
    return first ? [{ ...first, names: group.flatMap(({ names }) => names) }] : []
  })
}

function sorted(features: readonly string[]): string {
  return features.toSorted().join()
}

/** As a hostlist, cut short. */
function list(names: readonly string[]): string {
  const text = compressHostlist(names)
  return text.length > 200 ? `${text.slice(0, 200)}... (${names.length} nodes)` : text
}
