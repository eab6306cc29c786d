import { Type } from 'typebox'
import { reader } from '../json-reader.ts'
import type { ActualChain, ActualTable } from './actual-table.ts'

const chainFields = { family: Type.String(), table: Type.String() }
const ruleset = reader(
  'nft',
  Type.Object({
    nftables: Type.Array(
      Type.Object({
        table: Type.Optional(Type.Object({ family: Type.String(), name: Type.String() })),
        set: Type.Optional(
          Type.Object({
            ...chainFields,
            name: Type.String(),
            type: Type.Unknown(),
            flags: Type.Optional(Type.Array(Type.String())),
          }),
        ),
        chain: Type.Optional(
          Type.Object({
            ...chainFields,
            name: Type.String(),
            type: Type.Optional(Type.String()),
            hook: Type.Optional(Type.String()),
            prio: Type.Optional(Type.Number()),
            policy: Type.Optional(Type.String()),
          }),
        ),
        rule: Type.Optional(
          Type.Object({ ...chainFields, chain: Type.String(), comment: Type.Optional(Type.String()) }),
        ),
      }),
    ),
  }),
)

/** `nft -j -t list ruleset`. */
export function parseRuleset(json: string): readonly ActualTable[] {
  const objects = ruleset(json).nftables
  const at = (one: { family: string; table: string } | undefined, family: string, table: string) =>
    one?.family === family && one.table === table
  return objects
    .flatMap(({ table }) => table ?? [])
    .map(({ family, name }) => ({
      family,
      name,
      sets: objects
        .flatMap(({ set }) => (set !== undefined && at(set, family, name) ? set : []))
        .map((set) => ({ name: set.name, type: String(set.type), flags: set.flags ?? [] })),
      chains: objects
        .flatMap(({ chain }) => (chain !== undefined && at(chain, family, name) ? chain : []))
        .map(
          (chain): ActualChain => ({
            name: chain.name,
            type: chain.type ?? null,
            hook: chain.hook ?? null,
            priority: chain.prio ?? null,
            policy: chain.policy ?? null,
            rules: objects
              .flatMap(({ rule }) => (at(rule, family, name) && rule?.chain === chain.name ? rule : []))
              .map((rule) => rule.comment ?? null),
          }),
        ),
    }))
}
