import type { Context } from './context.ts'
import type { SiteMachine } from './observation.ts'
import { parseNodeName } from './policy.ts'
import type { Step } from './steps.ts'

/**
 * Machines with an id of this cluster that no live node has. A running one whose name is free is taken over (the store was
 * lost, the machine may work); any other is deleted after the grace.
 */
export function orphanSteps(ctx: Context): { steps: Step[]; againAtMs: number | null } {
  const ids = new Set(ctx.obs.nodes.map((node) => node.id))
  const names = ctx.alive
  const adopted = new Set<string>()
  const claims = new Map<string, number>()
  for (const machines of ctx.obs.sites.values()) {
    for (const { id, name } of machines.ok ? machines.value : [])
      if (!ids.has(id)) claims.set(name, (claims.get(name) ?? 0) + 1)
  }
  const steps: Step[] = []
  let againAtMs: number | null = null
  for (const [site, machines] of ctx.obs.sites) {
    if (!machines.ok) continue
    for (const machine of machines.value) {
      if (ids.has(machine.id) || ctx.obs.inFlight.has(machine.id) || ctx.obs.inFlight.has(machine.name)) continue
      if (machines.startedAtMs <= (ctx.obs.settledAtMs.get(machine.id) ?? 0)) continue
      // Of two that claim one name, either may be the one that works: while it does, both are left alone.
      const working = mayWork(machine, names, ctx)
      const only = claims.get(machine.name) === 1 || !working
      if (only && !adopted.has(machine.name) && isAdoptable(machine, site, names, ctx)) {
        adopted.add(machine.name)
        const type = parseNodeName(machine.name, ctx.policy)?.type.type ?? ''
        const text = `${site} runs machine ${machine.id} as ${machine.name}, which the store does not know`
        steps.push({
          kind: 'adopt',
          site,
          type,
          machine: machine.id,
          name: machine.name,
          reason: { code: 'MachineFound', text },
        })
        continue
      }
      if (working) continue
      const dueMs = (ctx.obs.orphansSinceMs.get(machine.id) ?? ctx.now) + ctx.policy.grace.orphanMs
      if (ctx.now < dueMs) {
        againAtMs = Math.min(againAtMs ?? dueMs, dueMs)
        continue
      }
      const text = `machine ${machine.id} (${machine.name}) at ${site} belongs to no live node`
      steps.push({ kind: 'collect', site, machine: machine.id, reason: { code: 'Orphan', text } })
    }
  }
  return { steps, againAtMs }
}

/** Only a machine that the queue shows as present under its name may be working for somebody. */
function isAdoptable(machine: SiteMachine, site: string, taken: ReadonlySet<string>, ctx: Context): boolean {
  if (machine.state !== 'running' || taken.has(machine.name)) return false
  const place = parseNodeName(machine.name, ctx.policy)
  if (place?.type.site !== site || place.k > place.type.maximum) return false
  return ctx.queueNodes.get(machine.name)?.power === 'present'
}

/** Whether a job may run on the machine, as far as this round can tell: then it is not deleted, whoever it belongs to. */
function mayWork(machine: SiteMachine, taken: ReadonlySet<string>, ctx: Context): boolean {
  if (!ctx.obs.queue.ok) return true
  return !taken.has(machine.name) && ctx.queueNodes.get(machine.name)?.busy === true
}
