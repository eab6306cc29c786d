import type { Size } from '../../../elastic/plan/demand.ts'
import { type Fields, numberOf, textOf } from './json.ts'

/**
 * What a job needs of each of its nodes. Slurm gives CPUs and tasks of the whole job, memory in MiB by node, by CPU or by GPU,
 * and GPUs by node, task, socket or job: what is not by node is shared out evenly and rounded up. Where a job asks for no memory
 * Slurm gives it what the partition has as default, or the whole node's: that is 0 here.
 */
export function sizePerNode(fields: Fields, nodeCount: number): Size {
  const share = (total: number) => Math.ceil(total / nodeCount)
  const tasks = tasksPerNode(fields) ?? share(numberOf(fields, 'tasks') ?? 1)
  const gpus = gpusPerNode(fields, tasks, share)
  const cpus = Math.max(
    share(numberOf(fields, 'cpus') ?? 0),
    numberOf(fields, 'minimum_cpus_per_node') ?? 0,
    gpus * countOfGpu(textOf(fields, 'cpus_per_tres')),
  )
  const memoryMiB =
    numberOf(fields, 'memory_per_node') ??
    (numberOf(fields, 'memory_per_cpu') ?? 0) * cpus + gpus * countOfGpu(textOf(fields, 'memory_per_tres'))
  return { cpus, memoryMiB, gpus }
}

/** Tasks on each node; null if the job does not say. */
export function tasksPerNode(fields: Fields): number | null {
  return numberOf(fields, 'tasks_per_node') || null
}

function gpusPerNode(fields: Fields, tasks: number, share: (total: number) => number): number {
  const of = (name: string) => countOfGpu(textOf(fields, name))
  return (
    of('tres_per_node') ||
    of('tres_per_task') * tasks ||
    of('tres_per_socket') * (numberOf(fields, 'sockets_per_node') || 1) ||
    share(of('tres_per_job') || of('tres_req_str'))
  )
}

/**
 * How many GPUs, of whatever type, a list of resources names: `gres:gpu:2`, `gres:gpu:a100:2,gres:ssd` (22.05),
 * `gres/gpu:a100:2` (later), `cpu=4,gres/gpu=2,gres/gpu:a100=2` (`tres_req_str`, where the untyped entry is the sum).
 */
function countOfGpu(list: string): number {
  const counts = list.split(',').flatMap((entry) => {
    const match = /^(?:gres[:/])?gpu(?:[:=]([^:=(]+))?(?:[:=]([^:=(]+))?(?:\(.*)?$/.exec(entry.trim())
    if (!match) return []
    const words = match.slice(1).filter((word) => word !== undefined)
    const last = words.at(-1) ?? ''
    const isCount = /^\d+$/.test(last)
    return [{ typed: words.length > (isCount ? 1 : 0), count: isCount ? Number(last) : 1 }]
  })
  const untyped = counts.find((entry) => !entry.typed)
  return untyped ? untyped.count : counts.reduce((sum, entry) => sum + entry.count, 0)
}
