import type { PolicyFile } from '../config/policy-schema.ts'

/** How a site behaves in a simulation. */
export interface SiteModel {
  /** Median time from the begin of a creation until the node is ready, ms. */
  readonly bootMs: number
  /** The standard deviation of the log-normal boot times, as a factor >= 1; 1: all alike. */
  readonly spread: number
  /** The share of creates that fail, 0..1. */
  readonly failures: number
  /** Machines that there really are; null: as many as anyone wants. */
  readonly capacity: number | null
}

/** A site of which the file says nothing. */
export const usualSite: SiteModel = { bootMs: 90_000, spread: 1.3, failures: 0, capacity: null }

/** How each site of a checked file behaves in a simulation, by its name. */
export function siteModels(file: Pick<PolicyFile, 'sites' | 'simulation'>): ReadonlyMap<string, SiteModel> {
  return new Map(
    Object.keys(file.sites).map((site) => {
      const said = file.simulation.sites[site]
      if (!said) return [site, usualSite]
      const { boot: bootMs, spread, failures, capacity = null } = said
      return [site, { bootMs, spread, failures, capacity }]
    }),
  )
}
