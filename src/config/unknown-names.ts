import { type Problem, problemAt } from './explain.ts'
import type { PolicyFile } from './policy-schema.ts'

/** The problem that a site is named which is not there. */
export function unknownSite(path: Problem['path'], site: string, file: Pick<PolicyFile, 'sites'>): Problem {
  return problemAt(path, `there is no site ${site}; there are: ${Object.keys(file.sites).join(', ')}`)
}

/** The problem that node types are set at a site in a form that it does not have; null when it has it. */
export function unknownType(
  path: Problem['path'],
  site: string,
  type: string | null,
  file: Pick<PolicyFile, 'sites'>,
): Problem | null {
  const { nodes, types } = file.sites[site] ?? {}
  if (type === null ? nodes : types && Object.hasOwn(types, type)) return null
  const there = types ? `it has types: ${Object.keys(types).join(', ')}` : 'it has `nodes`'
  const what = type === null ? 'no `nodes`' : `no type ${type}`
  return problemAt(path, `site ${site} has ${what}; ${there}`)
}
