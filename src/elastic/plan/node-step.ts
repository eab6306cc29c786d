import type { ErrorCode } from '../../base/errors.ts'
import type { NodeRecord } from '../../store/node-record.ts'
import { type Conclusion, isFresh } from './conclusion.ts'
import type { Context } from './context.ts'
import type { QueueNode } from './demand.ts'
import { drainingStep, readyStep } from './node-step-ready.ts'
import type { Reason } from './steps.ts'

/** Decides the next step of one life. Pure. */
export function nodeStep(node: NodeRecord, ctx: Context): Conclusion {
  if (ctx.obs.inFlight.has(node.id)) return { wait: { code: 'ActUnderWay', text: 'an act on it is under way' } }
  switch (node.phase) {
    case 'planned':
    case 'creating':
      return createStep(node, ctx)
    case 'booting':
    case 'installing':
    case 'enrolling':
      return enrolStep(node, ctx)
    case 'ready':
      return machineGone(node, ctx) ?? backingOff(node, ctx) ?? readyStep(node, ctx)
    case 'draining':
      return machineGone(node, ctx) ?? backingOff(node, ctx) ?? drainingStep(node, ctx)
    case 'failed':
      return (
        backingOff(node, ctx) ?? {
          step: { kind: 'give-up', id: node.id, reason: { code: 'Failed', text: describeFailure(node) } },
        }
      )
    case 'deleting':
      return backingOff(node, ctx) ?? removeStep(node, ctx)
    case 'gone':
      return { wait: { code: 'NotWanted', text: 'its life is over' } }
  }
}

/** `deleting`: the queue is told unless it knows already (a failed node was given up before; an absent one is its own wish). */
function removeStep(node: NodeRecord, ctx: Context): Conclusion {
  const tellQueue = node.failure === null && ctx.queueNodes.get(node.name)?.power === 'present'
  const text = tellQueue ? 'it leaves the queue and its machine is deleted' : 'its machine is deleted'
  return { step: { kind: 'remove', id: node.id, tellQueue, reason: { code: 'NotWanted', text } } }
}

/** `planned` and `creating`: the machine is made, or made sure of, until it is there or the deadline has passed. */
function createStep(node: NodeRecord, ctx: Context): Conclusion {
  const machines = ctx.machines(node.site)
  if (!machines) return { wait: { code: 'UnknownSite', text: `site ${node.site} is not in the configuration` } }
  const overdue = deadlinePassed(node, ctx, ctx.policy.deadlines.createMs, 'CreateTimeout', 'was not created')
  if (overdue) return overdue
  if (!machines.ok) return { wait: siteUnreachable(node.site, machines.text) }
  if (node.phase === 'creating' && isFresh(node, machines.startedAtMs, ctx.obs)) {
    const machine = ctx.machine(node.site, node.id)
    if (machine?.state === 'running') {
      const reason: Reason = { code: 'MachineFound', text: 'the site lists its machine as running' }
      return { step: { kind: 'move', id: node.id, to: 'booting', reason } }
    }
  }
  if (node.phase === 'planned' && ctx.closed(node.site)) {
    return failStep(node, 'InsufficientCapacity', `site ${node.site} was closed before the node was created`)
  }
  return (
    backingOff(node, ctx) ?? {
      step: { kind: 'create', id: node.id, reason: { code: 'WantedByQueue', text: 'its machine is to be made' } },
    }
  )
}

/** `booting`, `installing`, `enrolling`: the node is left to itself until the queue has it or its deadline has passed. */
function enrolStep(node: NodeRecord, ctx: Context): Conclusion {
  const { queue } = ctx.obs
  const inQueue = ctx.queueNodes.get(node.name)
  if (queue.ok && isFresh(node, queue.startedAtMs, ctx.obs) && inQueue && isEnrolled(inQueue)) {
    const reason: Reason = { code: 'Enrolled', text: 'the queue has it and its daemon answers' }
    return { step: { kind: 'move', id: node.id, to: 'ready', reason } }
  }
  const lost = machineGone(node, ctx)
  if (lost) return lost
  const { deadlines } = ctx.policy
  if (node.phase === 'booting') {
    return untilDeadline(node, ctx, deadlines.bootMs, 'BootTimeout', 'did not report from its boot')
  }
  if (node.phase === 'installing') {
    return untilDeadline(node, ctx, deadlines.installMs, 'InstallTimeout', 'did not finish installing')
  }
  return untilDeadline(node, ctx, deadlines.enrolMs, 'EnrolTimeout', 'did not appear in the queue')
}

function isEnrolled(node: QueueNode): boolean {
  return node.power === 'present' && node.responding && !node.down
}

/** A failure if the site has certainly lost the machine; a wait if the site can't say; else null. */
function machineGone(node: NodeRecord, ctx: Context): Conclusion | null {
  const machines = ctx.machines(node.site)
  if (!machines) return { wait: { code: 'UnknownSite', text: `site ${node.site} is not in the configuration` } }
  if (!machines.ok) {
    const finished = node.phase === 'ready' || node.phase === 'draining'
    const sinceMs = node.unreachableSinceMs ?? ctx.now
    if (finished || ctx.now - sinceMs < ctx.policy.grace.unreachableMs) {
      return { wait: siteUnreachable(node.site, machines.text), againAtMs: sinceMs + ctx.policy.grace.unreachableMs }
    }
    return failStep(
      node,
      'HostUnreachable',
      `site ${node.site} could not be read for longer than the grace: ${machines.text}`,
    )
  }
  if (!isFresh(node, machines.startedAtMs, ctx.obs)) return null
  const machine = ctx.machine(node.site, node.id)
  if (machine?.state === 'running') return null
  return failStep(node, 'MachineLost', machine ? 'its machine stopped by itself' : 'its machine is gone from the site')
}

function untilDeadline(node: NodeRecord, ctx: Context, limitMs: number, code: ErrorCode, what: string): Conclusion {
  return (
    deadlinePassed(node, ctx, limitMs, code, what) ?? {
      wait: { code: 'InTime', text: `${node.phase}, within its deadline of ${limitMs / 1000} s` },
      againAtMs: node.phaseSinceMs + limitMs,
    }
  )
}

/** The deadline's failure, or null while there is time. An unreachable site has its own grace on top. */
function deadlinePassed(
  node: NodeRecord,
  ctx: Context,
  limitMs: number,
  code: ErrorCode,
  what: string,
): Conclusion | null {
  if (ctx.now - node.phaseSinceMs < limitMs) return null
  return failStep(node, code, `${node.name} ${what} within ${limitMs / 1000} s`)
}

function failStep(node: NodeRecord, code: ErrorCode, text: string): Conclusion {
  return { step: { kind: 'fail', id: node.id, failure: { code, text }, reason: { code: 'Failed', text } } }
}

function backingOff(node: NodeRecord, ctx: Context): Conclusion | null {
  if (ctx.now >= node.nextAttemptAtMs) return null
  const text = `tried ${node.attempts} times in vain; waits before the next try`
  return { wait: { code: 'BackingOff', text }, againAtMs: node.nextAttemptAtMs }
}

function siteUnreachable(site: string, why: string): Reason {
  return { code: 'SiteUnreachable', text: `site ${site} can't be read: ${why}` }
}

function describeFailure(node: NodeRecord): string {
  return node.failure ? `${node.failure.code}: ${node.failure.text}` : 'it failed'
}
