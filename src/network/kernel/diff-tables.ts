import { tableName } from '../addressing.ts'
import type { ActualChain, ActualTable } from './actual-table.ts'
import type { GatewayState } from './gateway-state.ts'
import type { Chain, Table } from './table.ts'

/**
 * The lines of one nft transaction that makes our tables what they should be, [] when they are. Rules are told by their
 * comments. Where only rules differ, the chains are refilled and the cache's set keeps its elements; only where a set or
 * chain is declared otherwise (an older version of us) is the table made anew, and then the cache fills the set at its
 * next heartbeat while the nodes go the direct way.
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

function write(present: ActualTable | undefined, table: Table): readonly string[] {
  if (present !== undefined && isSame(present, table)) return []
  const id = `${table.family} ${table.name}`
  const anew = present !== undefined && !isCompatible(present, table)
  const left = anew ? undefined : present
  const chains = left?.chains.filter((one) => !table.chains.some(({ name }) => name === one.name)) ?? []
  const sets = left?.sets.filter((one) => !table.sets.some(({ name }) => name === one.name)) ?? []
  return [
    `add table ${id}`,
    ...(anew ? [`delete table ${id}`, `add table ${id}`] : []),
    ...table.sets.map((set) => `add set ${id} ${set.name} { type ${set.type}; flags ${set.flags.join(', ')}; }`),
    ...table.chains.flatMap((chain) => writeChain(id, chain)),
    ...chains.flatMap(({ name }) => [`flush chain ${id} ${name}`, `delete chain ${id} ${name}`]),
    ...sets.map(({ name }) => `delete set ${id} ${name}`),
  ]
}

function writeChain(id: string, chain: Chain): readonly string[] {
  const hook = `type ${chain.type} hook ${chain.hook} priority ${chain.priority}; policy accept;`
  return [
    `add chain ${id} ${chain.name} { ${hook} }`,
    `flush chain ${id} ${chain.name}`,
    ...chain.rules.map((rule) => `add rule ${id} ${chain.name} ${rule.text} comment "${rule.comment}"`),
  ]
}

function isSame(present: ActualTable, table: Table): boolean {
  return (
    isCompatible(present, table) &&
    present.sets.length === table.sets.length &&
    table.sets.every((set) => present.sets.some((one) => one.name === set.name)) &&
    present.chains.length === table.chains.length &&
    table.chains.every((chain) => {
      const rules = present.chains.find((one) => one.name === chain.name)?.rules
      return rules?.length === chain.rules.length && chain.rules.every((rule, i) => rules[i] === rule.comment)
    })
  )
}

/** Whether sets and chains that are there can stay and be filled as desired. */
function isCompatible(present: ActualTable, table: Table): boolean {
  const setFits = (set: ActualTable['sets'][number]) => {
    const wanted = table.sets.find((one) => one.name === set.name)
    return wanted === undefined || (wanted.type === set.type && wanted.flags.join() === set.flags.join())
  }
  const chainFits = (chain: ActualChain) => {
    const wanted = table.chains.find((one) => one.name === chain.name)
    return (
      wanted === undefined ||
      (wanted.type === chain.type &&
        wanted.hook === chain.hook &&
        wanted.priority === chain.priority &&
        chain.policy === 'accept')
    )
  }
  return present.sets.every(setFits) && present.chains.every(chainFits)
}
