import type { Size } from '../../../elastic/plan/demand.ts'
import type { NodeGroup } from './node-spec.ts'
import { sizeMiB } from './quantities.ts'
import { type Fields, numberOf, textOf } from './xml.ts'

/** What a job asks for, in nodes. */
export interface Request {
  readonly nodeCount: number
  readonly perNode: Size
}

/**
 * What a job needs of each of its nodes, at most, where its parts differ. Torque gives memory of the whole job (`mem`, shared out
 * evenly) or by process (`pmem`); `vmem` and `pvmem` count where there is neither. `-l ncpus=` is of one node; `-l procs=` are processors
 * anywhere: as many nodes with one each, which may end up as one.
 */
export function requestOf(fields: Fields, groups: readonly NodeGroup[]): Request {
  const resource = (name: string) => numberOf(fields, `Resource_List.${name}`)
  const procs = groups.length === 0 ? (resource('procs') ?? 0) : 0
  const nodeCount = Math.max(
    1,
    procs,
    groups.reduce((sum, group) => sum + group.count, 0),
  )
  const largest = (of: (group: NodeGroup) => number) => groups.reduce((most, group) => Math.max(most, of(group)), 0)
  const cpus = Math.max(
    1,
    largest((group) => group.ppn),
    nodeCount === 1 ? (resource('ncpus') ?? 0) : 0,
  )
  const gpus = Math.max(
    largest((group) => group.gpus),
    resource('gpus') ?? 0,
  )
  const size = (name: string) => sizeMiB(textOf(fields, `Resource_List.${name}`), name)
  const memory = (whole: string, perProcess: string) =>
    Math.max(Math.ceil((size(whole) ?? 0) / nodeCount), (size(perProcess) ?? 0) * cpus)
  return { nodeCount, perNode: { cpus, memoryMiB: memory('mem', 'pmem') || memory('vmem', 'pvmem'), gpus } }
}
