import type { ErrorCode } from '../../base/errors.ts'
import type { NodeRecord, Phase } from '../../store/node-record.ts'
import { hasToGo, isDark, isDrained } from './lint-departures.ts'
import type { Breach } from './lint-findings.ts'
import { deadlineMs } from './lint-phases.ts'
import { isShut, machineOf, type World } from './lint-world.ts'
import type { NodeStep } from './steps.ts'

/** Whether the readings show what a step on a node takes for given. Sources that were not read say nothing here. */
export function nodeFactsMissing(step: NodeStep, node: NodeRecord, world: World): Breach {
  if (step.kind === 'move') return moveNotShown(step.to, node, world)
  if (step.kind === 'fail') {
    if (step.expected && !hasToGo(node, world)) return { text: 'nothing said that it had to go' }
    return failureNotShown(step.failure.code, node, world)
  }
  if (step.kind === 'drain' && departures.has(step.reason.code) && !hasToGo(node, world)) {
    return { text: 'nothing says that it has to go' }
  }
  const counts = world.queueNodes.get(node.name)?.power === 'present'
  if (step.kind !== 'remove' || step.tellQueue || node.failure || !counts) return null
  return { text: 'the queue counts on it and would not be told' }
}

/** Reasons for which a node has to go. */
const departures: ReadonlySet<string> = new Set(['SiteDrained', 'HostDrained', 'MachineLeaving'])

function moveNotShown(to: Phase, node: NodeRecord, world: World): Breach {
  if (to === 'booting' && world.machines.has(node.site) && !machineRuns(node, world)) {
    return { text: `${node.site} does not list its machine as running` }
  }
  if (!world.obs.queue.ok) return null
  const inQueue = world.queueNodes.get(node.name)
  if (to === 'ready' && !(inQueue?.power === 'present' && inQueue.responding && !inQueue.down)) {
    return { text: 'the queue does not have it in working order' }
  }
  if (to !== 'deleting' || inQueue?.power !== 'present') return null
  if (node.phase === 'ready') return { text: 'the queue counts on it, and it was not drained' }
  return inQueue.drained ? null : { text: 'the queue does not show its drain' }
}

function failureNotShown(code: ErrorCode, node: NodeRecord, world: World): Breach {
  if (code === 'MachineLost' && machineRuns(node, world)) return { text: `${node.site} lists its machine as running` }
  if (code === 'HostUnreachable' && world.machines.has(node.site) && !isDark(node, world)) {
    return { text: `${node.site} was read` }
  }
  if (code === 'InsufficientCapacity' && !isShut(node, world) && !isDrained(node.site, world))
    return { text: `${node.site}/${node.type} is not closed` }
  return null
}

function machineRuns(node: NodeRecord, world: World): boolean {
  return machineOf(node.site, node.id, world)?.state === 'running'
}

/** Unless there are too many of its type, or too dear, a node stays for its idle time and its least lifetime. */
function drainTooEarly({ reason }: NodeStep, node: NodeRecord, world: World): Breach {
  const type = world.types.get(`${node.site}/${node.type}`)
  if (!type || hasToGo(node, world)) return null
  const paidForMs = node.billingMs - ((world.now - node.beganAtMs) % (node.billingMs || 1))
  if (node.billingMs > 0 && paidForMs > node.billingMs / 10) {
    return { text: 'it is paid for, for a while yet', facts: { paidForMs } }
  }
  // These are checked over the whole plan, with all that goes in it.
  if (reason.code === 'AboveMaximum' || reason.code === 'OverBudget') return null
  const idleMs = world.now - (node.idleSinceMs ?? world.now)
  if (idleMs < type.idleMs) return { text: 'its idle time is not over', facts: { idleMs, allowedMs: type.idleMs } }
  const livedMs = world.now - node.beganAtMs
  return livedMs < type.lifetimeMs
    ? { text: 'its least lifetime is not over', facts: { livedMs, lifetimeMs: type.lifetimeMs } }
    : null
}

/** Whether the time of a step on a node has come. */
export function nodeTooEarly(step: NodeStep, node: NodeRecord, world: World): Breach {
  const { now, policy } = world
  if (step.kind !== 'move' && step.kind !== 'fail' && now < node.nextAttemptAtMs) {
    return { text: 'the last try failed and the pause is not over', facts: { untilMs: node.nextAttemptAtMs } }
  }
  if (step.kind === 'drain') return drainTooEarly(step, node, world)
  if (step.kind !== 'fail') return null
  const { code } = step.failure
  if (code === 'HostUnreachable') {
    const darkMs = now - (node.unreachableSinceMs ?? now)
    const graceMs = policy.grace.unreachableMs
    return darkMs < graceMs
      ? { text: 'the grace for an unreachable site is not over', facts: { darkMs, graceMs } }
      : null
  }
  if (!code.endsWith('Timeout')) return null
  const spentMs = now - node.phaseSinceMs
  const limitMs = deadlineMs(node, policy)
  return spentMs < limitMs ? { text: `its deadline for ${node.phase} is not over`, facts: { spentMs, limitMs } } : null
}
