import type { PolicyFile, SetLimits, TypeSettings } from './policy-schema.ts'

/** The type of a site that has `nodes`. */
export const standardType = 'standard'

/** One node type at one site, as a file describes it. */
export interface NodeType<T extends TypeSettings = TypeSettings> {
  readonly site: string
  readonly type: string
  /** What its nodes are called: `PREFIX-1`, `PREFIX-2`, ... The site's name, with the type's where the site has `types`. */
  readonly prefix: string
  /** Preference; lower comes first. */
  readonly order: number
  /** How many names there are: the largest maximum that the file gives it in any window. */
  readonly names: number
  readonly settings: T
  /** Where the file describes it. */
  readonly path: readonly string[]
}

/** The node types of all sites, in the order of the file. */
export function nodeTypes(file: Pick<PolicyFile, 'sites' | 'policy'>): NodeType[] {
  return Object.entries(file.sites).flatMap(([site, { order, nodes, types }]) => {
    const found: NodeType[] = []
    const add = (type: string, prefix: string, settings: TypeSettings, path: readonly string[]) => {
      const maxima = file.policy.windows.map(({ set }) => setFor(set, site, type).maximum ?? 0)
      const names = Math.max(settings.maximum, ...maxima)
      found.push({ site, type, prefix, order: settings.order ?? order, names, settings, path })
    }
    if (nodes) add(standardType, site, nodes, ['sites', site, 'nodes'])
    for (const [type, settings] of Object.entries(types ?? {})) {
      add(type, `${site}-${type}`, settings, ['sites', site, 'types', type])
    }
    return found
  })
}

/** What a window sets for a node type; an order of the site is one for each of its types. */
export function setFor(set: PolicyFile['policy']['windows'][number]['set'], site: string, type: string): SetLimits {
  const ofSite = set.sites?.[site]
  if (!ofSite) return {}
  const ofType = (type === standardType ? ofSite.nodes : undefined) ?? ofSite.types?.[type]
  return { ...(ofSite.order === undefined ? {} : { order: ofSite.order }), ...ofType }
}
