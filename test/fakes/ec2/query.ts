/** The parameters of a call of the EC2 Query API: `Filter.1.Value.2=x` is `{ Filter: [{ Value: [undefined, 'x'] }] }`. */
export type Parameters = { readonly [name: string]: Parameter }
export type Parameter = string | Parameters | readonly Parameter[]

interface Branch {
  [name: string]: string | Branch
}

/** Reads a form. */
export function readForm(form: string): Parameters {
  const root: Branch = {}
  for (const [name, value] of new URLSearchParams(form)) {
    const steps = name.split('.')
    let branch = root
    for (const step of steps.slice(0, -1)) branch = (branch[step] ??= {}) as Branch
    branch[steps.at(-1) ?? ''] = value
  }
  return listed(root) as Parameters
}

/** Branches whose names are all numbers are lists. */
function listed(branch: string | Branch): Parameter {
  if (typeof branch === 'string') return branch
  const entries = Object.entries(branch).map(([name, value]) => [name, listed(value)] as const)
  const numbered = entries.length > 0 && entries.every(([name]) => /^\d+$/.test(name))
  return numbered ? entries.map(([, value]) => value) : Object.fromEntries(entries)
}

/** The texts of a list, `[]` when it was not given. */
export function texts(list: Parameter | undefined): string[] {
  return Array.isArray(list) ? (list as readonly Parameter[]).filter((item) => typeof item === 'string') : []
}

/** The maps of a list, `[]` when it was not given. */
export function maps(list: Parameter | undefined): Parameters[] {
  return Array.isArray(list) ? (list as readonly Parameter[]).filter((item): item is Parameters => isMap(item)) : []
}

/** The map of that name, empty when it was not given. */
export function map(value: Parameter | undefined): Parameters {
  return value !== undefined && isMap(value) ? value : {}
}

/** A text, `''` when it was not given. */
export function text(value: Parameter | undefined): string {
  return typeof value === 'string' ? value : ''
}

function isMap(value: Parameter): value is Parameters {
  return typeof value === 'object' && !Array.isArray(value)
}
