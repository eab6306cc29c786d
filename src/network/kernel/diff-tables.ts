import { tableName } from '../addressing.ts'
import type { ActualChain, ActualSet, ActualTable } from './actual-table.ts'
import type { GatewayState } from './gateway-state.ts'
import type { Chain, Table, TableSet } from './table.ts'

/**
 * The lines of one nft transaction that makes our tables what they should be, [] when they are. Rules are told by their
 * comments, elements of our sets by what they say. Where only these differ, just that chain is refilled and just those
 * elements come and go: counters go on, and the cache's set keeps its elements. Only where a set or chain is declared
 * otherwise (an older version of us) is the table made anew, and then the cache fills its set at its next heartbeat while
 * the nodes go the direct way.
 */
export function diffTables(actual: readonly ActualTable[], desired: GatewayState): readonly string[] {
  const ours = actual.filter((table) => table.name === tableName(desired.vni))
  return [
    ...desired.tables.flatMap((table) =>
      write(
        ours.find((one) => one.family === table.family),
        table,
      ),
    ),
    ...ours
      .filter((table) => !desired.tables.some((one) => one.family === table.family))
      .map((table) => `delete table ${table.family} ${table.name}`),
  ]
}

const nothing: Omit<ActualTable, 'family' | 'name'> = { counters: [], sets: [], chains: [] }

function write(present: ActualTable | undefined, table: Table): readonly string[] {
  const id = `${table.family} ${table.name}`
  const anew = present !== undefined && !isCompatible(present, table)
  const left = present === undefined || anew ? nothing : present
  const missing = <T extends { readonly name: string }>(wanted: readonly T[], there: readonly { name: string }[]) =>
    wanted.filter((one) => !there.some(({ name }) => name === one.name))
  const stale = missing(left.chains, table.chains).map((chain) => chain.name)
  return [
    ...(present === undefined ? [`add table ${id}`] : []),
    ...(anew ? [`delete table ${id}`, `add table ${id}`] : []),
    ...table.counters.filter((name) => !left.counters.includes(name)).map((name) => `add counter ${id} ${name}`),
    ...missing(table.sets, left.sets).map((set) => declareSet(id, set)),
    // All of them before any rule: rules lead to other chains.
    ...missing(table.chains, left.chains).map((chain) => declareChain(id, chain)),
    ...table.sets.flatMap((set) =>
      diffElements(
        id,
        set,
        left.sets.find((one) => one.name === set.name),
      ),
    ),
    ...table.chains.flatMap((chain) =>
      fillChain(
        id,
        chain,
        left.chains.find((one) => one.name === chain.name),
      ),
    ),
    ...stale.map((name) => `flush chain ${id} ${name}`),
    ...stale.map((name) => `delete chain ${id} ${name}`),
    ...missing(left.sets, table.sets).map(({ name }) => `delete set ${id} ${name}`),
    ...left.counters.filter((name) => !table.counters.includes(name)).map((name) => `delete counter ${id} ${name}`),
  ]
}

function declareSet(id: string, { name, type, flags, options }: TableSet): string {
  const all = [`${type};`, ...(flags.length > 0 ? [`flags ${flags.join(', ')};`] : []), ...(options ? [options] : [])]
  return `add set ${id} ${name} { ${all.join(' ')} }`
}

function declareChain(id: string, { name, base }: Chain): string {
  if (base === null) return `add chain ${id} ${name}`
  const { type, hook, priority } = base
  return `add chain ${id} ${name} { type ${type} hook ${hook} priority ${priority}; policy accept; }`
}

/** What comes before what goes: in between there is nothing, for it is one transaction, but who reads it sees the order. */
function diffElements(id: string, { name, elements }: TableSet, present: ActualSet | undefined): readonly string[] {
  if (elements === null) return []
  const there = new Set(present?.elements)
  const wanted = new Set(elements)
  const line = (verb: string, some: readonly string[]) =>
    some.length === 0 ? [] : [`${verb} element ${id} ${name} { ${some.map(quoted).join(', ')} }`]
  return [
    ...line('add', [...wanted].filter((one) => !there.has(one)).sort()),
    ...line('delete', [...there].filter((one) => !wanted.has(one)).sort()),
  ]
}

/** A device's name may be anything, also a word of nft's language. */
function quoted(element: string): string {
  return element.replace(/^\S+/, '"$&"')
}

function fillChain(id: string, { name, rules }: Chain, present: ActualChain | undefined): readonly string[] {
  const there = present?.rules ?? []
  if (there.length === rules.length && rules.every((rule, i) => rule.comment === there[i])) return []
  return [
    ...(there.length > 0 ? [`flush chain ${id} ${name}`] : []),
    ...rules.map((rule) => `add rule ${id} ${name} ${rule.text} comment "${rule.comment}"`),
  ]
}

/** Whether sets and chains that are there can stay and be filled as desired. */
function isCompatible(present: ActualTable, table: Table): boolean {
  return present.sets.every((set) => setFits(set, table)) && present.chains.every((chain) => chainFits(chain, table))
}

function setFits(set: ActualSet, table: Table): boolean {
  const wanted = table.sets.find((one) => one.name === set.name)
  if (wanted === undefined) return true
  const flags = wanted.flags.filter((flag) => flag !== 'dynamic')
  return (set.type === null || wanted.told === set.type) && flags.join() === set.flags.join()
}

function chainFits(chain: ActualChain, table: Table): boolean {
  const wanted = table.chains.find((one) => one.name === chain.name)
  if (wanted === undefined) return true
  if (wanted.base === null) return chain.hook === null
  const { type, hook, priority } = wanted.base
  return type === chain.type && hook === chain.hook && priority === chain.priority && chain.policy === 'accept'
}
