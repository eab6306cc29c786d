import { CausewayError } from '../../../base/errors.ts'
import type { Registration } from '../../../elastic/scheduler.ts'

/** The weight of a node: Slurm prefers lower ones. Steps of ten leave room for an admin's own. */
export function weightOf(node: Registration): number {
  return node.rank * 10 || 1
}

/** What Slurm is told of a cloud node, as `nodeDefinition` and with its weight and state. */
export function cloudDefinition(node: Registration): string[] {
  requireWhole(node, 'order', node.rank, 0)
  return [...nodeDefinition(node), `Weight=${weightOf(node)}`, 'State=CLOUD']
}

/**
 * What a node has, as in a line of slurm.conf without its name. `scontrol create` takes the same words.
 * GPUs are a resource of Slurm only where `GresTypes=gpu` is set; elsewhere it takes no notice of them.
 * @throws CausewayError `InvalidConfig` for a name or feature that Slurm can't hold, or a number that makes no sense
 */
export function nodeDefinition(node: Registration): string[] {
  const { cpus, memoryMiB, gpus } = node.size
  if (!/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/i.test(node.name)) {
    throw wrong(node, 'Slurm takes letters, digits and inner hyphens in names')
  }
  const feature = node.features.find((candidate) => !/^[A-Za-z0-9_][A-Za-z0-9_.:-]*$/.test(candidate))
  if (feature !== undefined) throw wrong(node, `Slurm can't hold the feature "${feature}"`)
  requireWhole(node, 'cpus', cpus, 1)
  requireWhole(node, 'memory in MiB', memoryMiB, 1)
  requireWhole(node, 'gpus', gpus, 0)
  return [
    `CPUs=${cpus}`,
    `RealMemory=${memoryMiB}`,
    ...(gpus > 0 ? [`Gres=gpu:${gpus}`] : []),
    ...(node.features.length > 0 ? [`Feature=${[...new Set(node.features)].join(',')}`] : []),
  ]
}

function requireWhole(node: Registration, what: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return
  throw wrong(node, `${what} must be a whole number of at least ${least}, not ${value}`)
}

function wrong(node: Registration, what: string): CausewayError {
  return new CausewayError('InvalidConfig', `node "${node.name}": ${what}`)
}
