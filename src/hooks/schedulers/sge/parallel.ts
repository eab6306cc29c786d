/**
 * The parallel environment that keeps the jobs of another one at a site: `mpi.east` of `mpi`. Grid Engine allows no `@` in such a name.
 * Users ask for `mpi.*`, and Grid Engine then takes the first of them that has room for the whole job.
 */
export function sitePe(name: string, site: string): string {
  return `${name}.${site}`
}

/** The host group of a site's nodes, for which the queue has the site's parallel environments. */
export function siteHostGroup(site: string): string {
  return `@site-${site}`
}
