import type { NodeRecord } from '../../store/node-record.ts'
import type { Breach } from './lint-findings.ts'
import { deadlineMs } from './lint-phases.ts'
import { isShut, machineOf, type World } from './lint-world.ts'
import type { NodeStep } from './steps.ts'

/** Whether the readings show what a step on a node takes for given. Sources that were not read say nothing here. */
export function nodeFactsMissing(step: NodeStep, node: NodeRecord, world: World): Breach {
  const { queue } = world.obs
  const inQueue = world.queueNodes.get(node.name)
  const machine = machineOf(node.site, node.id, world)
  const siteRead = world.machines.has(node.site)
  switch (step.kind) {
    case 'move':
      if (step.to === 'booting' && siteRead && machine?.state !== 'running') {
        return { text: `${node.site} does not list its machine as running` }
      }
      if (!queue.ok) return null
      if (step.to === 'ready' && !(inQueue?.power === 'present' && inQueue.responding && !inQueue.down)) {
        return { text: 'the queue does not have it in working order' }
      }
      if (step.to !== 'deleting' || inQueue?.power !== 'present') return null
      if (node.phase === 'ready') return { text: 'the queue counts on it, and it was not drained' }
      return inQueue.drained ? null : { text: 'the queue does not show its drain' }
    case 'fail':
      if (step.failure.code === 'MachineLost' && machine?.state === 'running') {
        return { text: `${node.site} lists its machine as running` }
      }
      if (step.failure.code === 'HostUnreachable' && siteRead) return { text: `${node.site} was read` }
      if (step.failure.code === 'InsufficientCapacity' && !isShut(node.site, world)) {
        return { text: `${node.site} is not closed` }
      }
      return null
    case 'remove':
      if (step.tellQueue || node.failure || inQueue?.power !== 'present') return null
      return { text: 'the queue counts on it and would not be told' }
    default:
      return null
  }
}

/** Whether the time of a step on a node has come. */
export function nodeTooEarly(step: NodeStep, node: NodeRecord, world: World): Breach {
  const { now, policy } = world
  if (step.kind !== 'move' && step.kind !== 'fail' && now < node.nextAttemptAtMs) {
    return { text: 'the last try failed and the pause is not over', facts: { untilMs: node.nextAttemptAtMs } }
  }
  if (step.kind === 'drain') {
    const idleMs = now - (node.idleSinceMs ?? now)
    const allowedMs = world.sites.get(node.site)?.idleMs ?? Infinity
    return idleMs < allowedMs ? { text: 'its idle time is not over', facts: { idleMs, allowedMs } } : null
  }
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
  const limitMs = deadlineMs(node, policy) ?? Infinity
  return spentMs < limitMs ? { text: `its deadline for ${node.phase} is not over`, facts: { spentMs, limitMs } } : null
}
