import { type Static, Type } from 'typebox'
import { reader } from '../json-reader.ts'
import type { ActualChain, ActualSet, ActualTable } from './actual-table.ts'

const inTable = { family: Type.String(), table: Type.String() }
const Counter = Type.Object({ ...inTable, name: Type.String(), packets: Type.Optional(Type.Number()) })
const SetObject = Type.Object({
  ...inTable,
  name: Type.String(),
  type: Type.Unknown(),
  flags: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())])),
  elem: Type.Optional(Type.Array(Type.Unknown())),
})
const ChainObject = Type.Object({
  ...inTable,
  name: Type.String(),
  type: Type.Optional(Type.String()),
  hook: Type.Optional(Type.String()),
  prio: Type.Optional(Type.Number()),
  policy: Type.Optional(Type.String()),
})
const Rule = Type.Object({ ...inTable, chain: Type.String(), comment: Type.Optional(Type.String()) })
const ruleset = reader(
  'nft',
  Type.Object({
    nftables: Type.Array(
      Type.Object({
        table: Type.Optional(Type.Object({ family: Type.String(), name: Type.String() })),
        counter: Type.Optional(Counter),
        set: Type.Optional(SetObject),
        chain: Type.Optional(ChainObject),
        rule: Type.Optional(Rule),
      }),
    ),
  }),
)

/** `nft -j list ruleset`, `list table ...`, also with `-t`, which leaves the sets' elements out. */
export function parseRuleset(json: string): readonly ActualTable[] {
  const objects = ruleset(json).nftables
  const counters = byTable(objects.flatMap((one) => one.counter ?? []))
  const sets = byTable(objects.flatMap((one) => one.set ?? []))
  const chains = byTable(objects.flatMap((one) => one.chain ?? []))
  const rules = byTable(objects.flatMap((one) => one.rule ?? []))
  return objects
    .flatMap(({ table }) => table ?? [])
    .map(({ family, name }) => {
      const key = `${family} ${name}`
      const rulesOf = Map.groupBy(rules.get(key) ?? [], (rule) => rule.chain)
      return {
        family,
        name,
        counters: (counters.get(key) ?? []).map((counter) => counter.name),
        sets: (sets.get(key) ?? []).map(readSet),
        chains: (chains.get(key) ?? []).map((chain) => readChain(chain, rulesOf.get(chain.name) ?? [])),
      }
    })
}

/** `nft -j list counters table ...`: packets by the counter's name. */
export function parseCounters(json: string): ReadonlyMap<string, number> {
  const found = ruleset(json).nftables.flatMap(({ counter }) => counter ?? [])
  return new Map(found.map(({ name, packets = 0 }) => [name, packets]))
}

const counted = Type.Object({
  elem: Type.Object({ val: Type.String(), counter: Type.Object({ packets: Type.Number() }) }),
})
const countedSet = reader(
  'nft',
  Type.Object({
    nftables: Type.Array(
      Type.Object({ set: Type.Optional(Type.Object({ elem: Type.Optional(Type.Array(counted)) })) }),
    ),
  }),
)

/** `nft -j list set ...` of a set with a counter in each element: packets by element. */
export function parseCountedSet(json: string): ReadonlyMap<string, number> {
  const elements = countedSet(json).nftables.flatMap(({ set }) => set?.elem ?? [])
  return new Map(elements.map(({ elem }) => [elem.val, elem.counter.packets]))
}

function byTable<T extends { readonly family: string; readonly table: string }>(objects: readonly T[]) {
  return Map.groupBy(objects, ({ family, table }) => `${family} ${table}`)
}

function readSet({ name, type, flags = [], elem = [] }: Static<typeof SetObject>): ActualSet {
  return {
    name,
    type: typeof type === 'string' ? type : isTexts(type) ? type.join(' . ') : null,
    flags: [flags].flat().filter((flag) => flag !== 'dynamic'),
    elements: elem.map(elementText),
  }
}

function readChain(chain: Static<typeof ChainObject>, rules: readonly Static<typeof Rule>[]): ActualChain {
  return {
    name: chain.name,
    type: chain.type ?? null,
    hook: chain.hook ?? null,
    priority: chain.prio ?? null,
    policy: chain.policy ?? null,
    rules: rules.map((rule) => rule.comment ?? null),
  }
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

/** Plain, `{concat: [...]}`, or with more about it `{elem: {val: ...}}`; what else there is can't be ours. */
function elementText(element: unknown): string {
  if (typeof element === 'string') return element.startsWith('0x') ? hex(BigInt(element)) : element
  if (typeof element === 'number') return hex(BigInt(element))
  if (typeof element === 'object' && element !== null) {
    if ('concat' in element && Array.isArray(element.concat)) return element.concat.map(elementText).join(' . ')
    if ('elem' in element && typeof element.elem === 'object' && element.elem !== null && 'val' in element.elem) {
      return elementText(element.elem.val)
    }
  }
  return JSON.stringify(element)
}

function hex(number: bigint): string {
  return `0x${number.toString(16)}`
}
