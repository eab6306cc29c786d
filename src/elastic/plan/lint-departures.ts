import type { NodeRecord } from '../../store/node-record.ts'
import type { Breach } from './lint-findings.ts'
import { machineOf, siteOf, type World } from './lint-world.ts'
import { isNodeStep, type Step } from './steps.ts'

/** Whether the site is to be empty. */
export function isDrained(site: string, { obs }: World): boolean {
  return obs.drains?.some((drain) => drain.site === site && drain.host === null) ?? false
}

/** Whether the node's site or host is to be empty, or its machine is announced to be taken away. */
export function hasToGo(node: NodeRecord, world: World): boolean {
  if (isDrained(node.site, world)) return true
  const machine = machineOf(node.site, node.id, world)
  const host = machine?.host ?? node.host
  const emptied = world.obs.drains?.some(
    (drain) => drain.site === node.site && drain.host !== null && drain.host === host,
  )
  return emptied === true || (machine ? (machine.leaving ?? null) : node.leavingAtMs) !== null
}

/** Whether the site was read, but not the host that may have the node's machine. */
export function isDark({ site, id, host }: NodeRecord, world: World): boolean {
  const reading = world.obs.sites.get(site)
  if (!reading?.ok || machineOf(site, id, world)) return false
  return (reading.unread ?? []).some((unread) => host === null || unread.host === host)
}

/** Whether a step makes something begin where nothing is to be, or keeps what has to go. */
export function keepsDrained(step: Step, world: World): Breach {
  const node = isNodeStep(step) ? world.byId.get(step.id) : undefined
  if (node && step.kind === 'cancel-drain' && step.reason.code !== 'DrainNotSeen' && hasToGo(node, world)) {
    return { text: 'it has to go, whoever could use it' }
  }
  const starts =
    ['begin', 'power-up', 'reopen'].includes(step.kind) || (step.kind === 'create' && node?.phase === 'planned')
  const site = siteOf(step, world)
  return starts && site !== undefined && isDrained(site, world) ? { text: `site ${site} is drained` } : null
}
