import { CausewayError } from '../../../base/errors.ts'
import type { QueueNode } from '../../../elastic/plan/demand.ts'
import { reasonPrefix } from '../../../elastic/plan/reason-prefix.ts'
import type { Registration } from '../../../elastic/scheduler.ts'
import { nodeDefinition } from './definition.ts'
import type { SlurmNode } from './sinfo.ts'

/**
 * Slurm refuses a job at its submission, or calls it impossible, when not as many nodes as it asks for have the features, CPUs
 * and memory that it asks for, down ones included. Where nodes come and go it has to be told of those that can be made: for
 * each there is a placeholder, a dynamic node that is down and drained for ever. What was measured: docs/slurm.md.
 */
const prefix = 'causeway-possible-'

/** Slurm looks for down nodes too. A name that it can't resolve stops all of slurmctld for ten seconds, each time. */
const nowhere = ['NodeAddr=127.0.0.1', 'Port=1']

/** Some placeholders of one kind. */
export interface PlaceholderGroup {
  readonly names: readonly string[]
  /** As in a line of slurm.conf. */
  readonly definition: readonly string[]
  /** Tells kinds apart when they are read again: `sinfo` shows it. */
  readonly reason: string
}

/** What makes the placeholders that are there those that should be: first `remove`, then `create`. */
export interface PlaceholderChanges {
  readonly remove: readonly string[]
  readonly create: readonly PlaceholderGroup[]
}

export function isPlaceholder(node: { readonly name: string }): boolean {
  return node.name.startsWith(prefix)
}

/**
 * @param nodes all nodes of Slurm
 * @param possible all nodes that there may be
 */
export function placeholderChanges(nodes: readonly QueueNode[], possible: readonly Registration[]): PlaceholderChanges {
  const wanted = new Map(possible.map((node) => [`${prefix}${node.name}`, node]))
  const found = nodes.filter(isPlaceholder)
  const good = new Set(found.filter((node) => isGood(node, wanted.get(node.name))).map((node) => node.name))
  const missing = [...wanted].filter(([name]) => !good.has(name))
  const groups = Map.groupBy(missing, ([, node]) => [reasonOf(node), ...node.features].join())
  return {
    remove: found.map((node) => node.name).filter((name) => !good.has(name)),
    create: [...groups.values()].flatMap((group) => {
      const [, first] = group[0] ?? []
      if (!first) return []
      const names = group.map(([name]) => name)
      return [{ names, definition: [...nodeDefinition(first), ...nowhere], reason: reasonOf(first) }]
    }),
  }
}

/**
 * What takes an admin so that Slurm can know all nodes that can be made; null when all is well.
 * @param nodes all nodes of Slurm, after it was told
 * @param maximum its MaxNodeCount, null if that is not known
 * @param refusal why it refused some of them, if it did
 */
export function placeholderProblem(
  nodes: readonly SlurmNode[],
  possible: readonly Registration[],
  maximum: number | null,
  refusal: CausewayError | null,
): CausewayError | null {
  const missing = placeholderChanges(nodes, possible).create.flatMap((group) => group.names)
  const homeless = nodes.filter((node) => isPlaceholder(node) && !node.inPartition)
  const problems: string[] = []
  if (missing.length > 0) {
    const said = refusal ? ` (${refusal.message})` : ''
    problems.push(
      `Slurm does not take ${missing.length} of its placeholders, ${missing[0]} among them${said}: MaxNodeCount is ${maximum ?? 'not known'} and should be ${possible.length * 2} and those that are not Causeway's; after a change slurmctld must be restarted`,
    )
  }
  if (homeless.length > 0) problems.push(`no partition takes ${homeless[0]?.name}: give one Nodes=ALL`)
  if (problems.length === 0) return null
  return new CausewayError('InvalidConfig', problems.join('; '), refusal ? { cause: refusal } : {})
}

function isGood(node: QueueNode, wanted: Registration | undefined): boolean {
  if (!wanted || !node.drained || !node.down || node.reason !== reasonOf(wanted)) return false
  const [seen, asked] = [node.features, wanted.features]
  return seen.join() === asked.join() || seen.toSorted().join() === asked.toSorted().join()
}

function reasonOf({ size: { cpus, memoryMiB, gpus } }: Registration): string {
  return `${reasonPrefix} such a node can be made: ${cpus} CPUs ${memoryMiB} MiB ${gpus} GPUs`
}
