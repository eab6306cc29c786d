import type { Context } from './context.ts'

/** Whether an act on this name is under way, or the reading was begun before the last one ended. */
export function isStale(name: string, readingStartedAtMs: number, ctx: Pick<Context, 'obs'>): boolean {
  return ctx.obs.inFlight.has(name) || readingStartedAtMs <= (ctx.obs.settledAtMs.get(name) ?? 0)
}
