import { CausewayError } from '../../../base/errors.ts'

/** What Slurm has to know of a site's nodes. */
export interface SlurmSite {
  /** What its nodes are called: `NAME-1` to `NAME-MAXIMUM`. */
  readonly name: string
  /** The site, if that is not the name; its nodes carry the feature `site-SITE`. */
  readonly site?: string
  /** Further features of its nodes. */
  readonly features?: readonly string[]
  /** Lower is preferred. */
  readonly order: number
  /** Of equal orders the cheaper is preferred, as in the policy. Default 0. */
  readonly cost?: number
  /** Most nodes; a site with 0 has no line. */
  readonly maximum: number
  readonly cpus: number
  /** The RealMemory of a node; a machine that turns out to have a little less is taken too (`config_overrides`). */
  readonly memoryMiB: number
}

/**
 * The file that slurm.conf includes: a line for each cloud node, those of preferred sites first.
 *
 * One line a node, not one a site: Slurm 22.05 fills nodes by weight, but gives nodes without a machine the same, highest
 * weight and then goes by their lines; of a line whose nodes are partly up it puts the rest behind all others, and the next
 * job would go to a less preferred site. See docs/design/003-slurm-states.md.
 * @throws CausewayError `InvalidConfig` for a name that slurm.conf can't hold or a number that makes no sense.
 */
export function renderSlurmNodes(sites: readonly SlurmSite[]): string {
  const lines = [...sites]
    .sort((a, b) => a.order - b.order || (a.cost ?? 0) - (b.cost ?? 0) || (a.name < b.name ? -1 : 1))
    .filter((site) => site.maximum !== 0)
    .flatMap(renderSite)
  return ['# Written by `causeway slurm-nodes`; changes are lost. Include it from slurm.conf.', ...lines, ''].join('\n')
}

function renderSite(site: SlurmSite): string[] {
  if (!/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/i.test(site.name)) {
    throw new CausewayError(
      'InvalidConfig',
      `site name "${site.name}": slurm.conf takes letters, digits and inner hyphens`,
    )
  }
  requireWhole(site, 'order', 0)
  for (const key of ['maximum', 'cpus', 'memoryMiB'] as const) requireWhole(site, key, 1)
  const features = [...new Set([`site-${site.site ?? site.name}`, ...(site.features ?? [])])].join(',')
  const rest = `CPUs=${site.cpus} RealMemory=${site.memoryMiB} Feature=${features} Weight=${site.order * 10 || 1} State=CLOUD`
  return Array.from({ length: site.maximum }, (_, index) => `NodeName=${site.name}-${index + 1} ${rest}`)
}

function requireWhole(site: SlurmSite, key: 'order' | 'maximum' | 'cpus' | 'memoryMiB', least: number): void {
  if (Number.isSafeInteger(site[key]) && site[key] >= least) return
  throw new CausewayError(
    'InvalidConfig',
    `site ${site.name}: ${key} must be a whole number of at least ${least}, not ${site[key]}`,
  )
}
