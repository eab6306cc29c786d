import { type Problem, problemAt } from './explain.ts'
import { type NodeType, nodeTypes } from './node-types.ts'
import type { PolicyFile } from './policy-schema.ts'
import { ruleContradictions } from './rule-contradictions.ts'
import { unknownSite } from './unknown-names.ts'
import { windowContradictions } from './window-contradictions.ts'

/** The longest label of a host name (RFC 1123, 2.1; RFC 1035, 2.3.4). */
const longestName = 63

/** What can't be true together in the policy part of a file whose parts are each well-formed. */
export function policyContradictions(file: PolicyFile): Problem[] {
  const types = nodeTypes(file)
  return [
    ...forms(file),
    ...names(types),
    ...types.flatMap((type) => [...limits(type)]),
    ...ruleContradictions(file, types),
    ...windowContradictions(file, types),
    ...simulation(file),
  ]
}

function* forms(file: PolicyFile): Generator<Problem> {
  for (const [name, { nodes, types }] of Object.entries(file.sites)) {
    if (nodes && types) {
      yield problemAt(
        ['sites', name, 'types'],
        '`nodes` and `types` exclude each other: make the nodes one of the types, or drop one of the two',
      )
    }
    if (!nodes && !types) {
      yield problemAt(['sites', name], 'it has no nodes: add `nodes` (one type) or `types` (several)')
    }
  }
}

function* names(types: readonly NodeType[]): Generator<Problem> {
  const taken = new Map<string, NodeType>()
  for (const type of types) {
    const { prefix, path } = type
    const other = taken.get(prefix)
    if (other) {
      yield problemAt(
        path,
        `its nodes would be called ${prefix}-1, ${prefix}-2, ... as those of ${other.path.join('.')}: rename one of them`,
      )
    }
    taken.set(prefix, type)
    const longest = `${prefix}-${type.names}`
    if (longest.length > longestName) {
      yield problemAt(path, `${longest} is longer than the ${longestName} characters of a host name: shorten its names`)
    }
  }
}

function* limits({ path, settings }: NodeType): Generator<Problem> {
  const { minimum, maximum, spare, features } = settings
  if (minimum > maximum) {
    yield problemAt(
      [...path, 'minimum'],
      `the minimum of ${minimum} is over the maximum of ${maximum}: lower it or raise the maximum`,
    )
  }
  if (spare > maximum) {
    yield problemAt(
      [...path, 'spare'],
      `${spare} spare nodes are over the maximum of ${maximum}: lower them or raise the maximum`,
    )
  }
  for (const [index, feature] of features.entries()) {
    if (/^(site|type)-/.test(feature)) {
      yield problemAt(
        [...path, 'features', index],
        `${feature} looks like a feature that nodes have by themselves (site-SITE, type-TYPE): choose another name`,
      )
    }
  }
}

function* simulation(file: PolicyFile): Generator<Problem> {
  for (const site of Object.keys(file.simulation.sites)) {
    if (!Object.hasOwn(file.sites, site)) yield unknownSite(['simulation', 'sites', site], site, file)
  }
}
