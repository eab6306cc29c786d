import type { Size } from '../../../elastic/plan/demand.ts'
import { type Complexes, durationMsOf, memoryMiBOf } from './complexes.ts'
import { names } from './names.ts'
import type { QueueEntry } from './qstat.ts'

/** What a job asks for of its hosts, in the planner's terms. */
export interface Wish {
  /**
   * What it asks for altogether, on as many hosts as that takes; null where its hosts are counted by `nodeCount`. `perNode` is then
   * what a slot needs; memory that the host has to have whatever the slots counts for each of them, which errs on the large side.
   */
  readonly slots: number | null
  readonly nodeCount: number
  readonly perNode: Size
  readonly exclusive: boolean
  readonly wallMs: number | null
  readonly features: string
  readonly licences: string
  /** A host by name, a reservation's or another queue's hosts: nothing that new nodes could be. '' if none. */
  readonly elsewhere: string
}

/** Complexes by which the memory of a host is asked for. */
const memoryNames = new Set(['h_vmem', 's_vmem', 'mem_free', 'virtual_free', 'h_rss', 'mem_total', 'virtual_total'])

/** Complexes that say nothing about which node types will do. */
const ignored = new Set([
  'arch',
  'slots',
  'num_proc',
  'm_core',
  'm_socket',
  'm_thread',
  'm_topology',
  'tmpdir',
  'seq_no',
])

/**
 * @param complexes what `qconf -sc` lists
 * @param ruleOf the allocation rule of a parallel environment, which may be a pattern; null if there is none such
 * @param queue the cluster queue that new nodes come into
 */
export function wishOf(
  entry: QueueEntry,
  complexes: Complexes,
  ruleOf: (pe: string) => string | null,
  queue: string,
): Wish {
  const { slots, nodeCount, slotsPerNode } = spread(entry, ruleOf)
  // What it asks for of one slot, and of one host whatever its slots.
  let memoryMiB = 0
  let cpus = slotsPerNode
  let gpus = 0
  let exclusive = false
  let wallMs: number | null = null
  let elsewhere = elsewhereOf(entry.queues, queue)
  const features: string[] = [sitesOf(entry.queues)]
  const licences: string[] = []
  for (const [name, value] of entry.hard) {
    const complex = complexes.get(name)
    const times = complex?.consumable === 'YES' ? slotsPerNode : 1
    if (name === 'h_rt' || name === 's_rt') wallMs = shorter(wallMs, durationMsOf(value))
    else if (memoryNames.has(name)) memoryMiB = Math.max(memoryMiB, Math.ceil((memoryMiBOf(value) ?? 0) * times))
    else if (name === names.gpu) gpus = Math.ceil(Number(value) * times) || 0
    else if (name === names.exclusive) exclusive = isTrue(value)
    else if (name === names.site || name === names.type) features.push(featureExpression(name, value))
    else if (name === 'num_proc') cpus = Math.max(cpus, Number(value) || 0)
    else if (name === 'hostname') elsewhere ||= /[*?[\]|&!]/.test(value) ? '' : `hostname=${value}`
    else if (complex?.type === 'BOOL') features.push(isTrue(value) ? name : `!${name}`)
    else if (complex !== undefined && complex.consumable !== 'NO' && !ignored.has(name))
      licences.push(`${name}:${value}`)
  }
  return {
    slots,
    nodeCount,
    perNode: { cpus, memoryMiB, gpus },
    exclusive,
    wallMs,
    features: features.filter(Boolean).join('&'),
    licences: licences.join(','),
    elsewhere,
  }
}

/** How its slots lie on hosts: sge_pe(5), allocation_rule. */
function spread(entry: QueueEntry, ruleOf: (pe: string) => string | null) {
  if (entry.pe === '') return { slots: null, nodeCount: 1, slotsPerNode: 1 }
  const total = entry.range === '' ? entry.slots : fewest(entry.range, entry.slots)
  const rule = ruleOf(entry.pe) ?? '$fill_up'
  if (rule === '$pe_slots') return { slots: null, nodeCount: 1, slotsPerNode: total }
  if (/^[1-9]\d*$/.test(rule)) {
    const each = Number(rule)
    return { slots: null, nodeCount: Math.max(1, Math.ceil(total / each)), slotsPerNode: each }
  }
  return { slots: total, nodeCount: 1, slotsPerNode: 1 }
}

/** The smallest number in `4`, `2-6`, `4-`, `-8` or `8,2-4`: with so many the job starts. */
function fewest(range: string, otherwise: number): number {
  const starts = range.split(',').map((part) => Number(part.split(/[-:]/)[0] || 1))
  const least = Math.min(...starts)
  return Number.isInteger(least) && least > 0 ? least : otherwise
}

/** `-q` names a queue, `queue@host` or `queue@@group`, with patterns; any of them will do. */
function elsewhereOf(queues: readonly string[], queue: string): string {
  const fits = (wanted: string) => {
    const [name = '', host = ''] = wanted.split(/@(.*)/s)
    return matches(name || '*', queue) && (host === '' || host.startsWith('@') || /[*?[]/.test(host))
  }
  return queues.length === 0 || queues.some(fits) ? '' : `queue=${queues.join('|')}`
}

/** The sites of `-q all.q@@site-east,all.q@@site-west`; '' where it names other hosts too. */
function sitesOf(queues: readonly string[]): string {
  const sites = queues.map((wanted) => /^[^@]*@(@site-[^*?[]+)$/.exec(wanted)?.[1]?.slice(1) ?? '')
  if (sites.length === 0 || sites.includes('')) return ''
  return sites.length === 1 ? (sites[0] ?? '') : `(${sites.join('|')})`
}

/** `east|west` as `site-east|site-west`; '' for a pattern, which may mean any. */
function featureExpression(prefix: string, value: string): string {
  if (/[*?[\]]/.test(value)) return ''
  const expression = value.replaceAll(/[^&|()!\s]+/g, (name) => `${prefix}-${name}`)
  return /[&|]/.test(expression) ? `(${expression})` : expression
}

/** Whether a name is as a pattern of Grid Engine says, which are those of a shell. */
export function matches(pattern: string, name: string): boolean {
  const source = pattern
    .replaceAll(/[.+^${}()\\[\]|]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^(?:${source})$`).test(name)
}

function isTrue(value: string): boolean {
  return /^(?:true|1(?:\.0*)?|yes)$/i.test(value)
}

function shorter(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.min(a, b)
}
