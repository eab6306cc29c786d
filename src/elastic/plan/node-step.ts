import type { ErrorCode } from '../../base/errors.ts'
import type { NodeRecord } from '../../store/node-record.ts'
import { type Conclusion, isFresh } from './conclusion.ts'
import type { Context } from './context.ts'
import type { QueueNode } from './demand.ts'
import { drainingStep, readyStep } from './node-step-ready.ts'
import type { Reading, SiteReading } from './observation.ts'
import { typeKey } from './policy.ts'
import type { Shrinking } from './shrink.ts'
import type { Reason } from './steps.ts'

/** Decides the next step of one life. Pure. */
export function nodeStep(node: NodeRecord, ctx: Shrinking): Conclusion {
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
      return machineGone(node, ctx) ?? siteUnread(node, ctx) ?? backingOff(node, ctx) ?? readyStep(node, ctx)
    case 'draining':
      return machineGone(node, ctx) ?? siteUnread(node, ctx) ?? backingOff(node, ctx) ?? drainingStep(node, ctx)
    case 'failed':
      return backingOff(node, ctx) ?? failedStep(node, ctx)
    case 'deleting':
      return backingOff(node, ctx) ?? removeStep(node, ctx)
    case 'gone':
      return { wait: { code: 'NotWanted', text: 'its life is over' } }
  }
}

/**
 * `deleting`: the queue is told unless it knows already (a failed node was given up before; an absent one is its own wish).
 * What can't be read now is told, too: without it the machine stays.
 */
function removeStep(node: NodeRecord, ctx: Context): Conclusion {
  const inQueue = ctx.queueNodes.get(node.name)
  if (node.failure === null && inQueue?.busy && (inQueue.power === 'present' || inQueue.power === 'leaving')) {
    return { wait: { code: 'Busy', text: 'a job runs on it; its machine is deleted when the job has ended' } }
  }
  const back = cameBack(node, ctx)
  if (back) return back
  const mayCount = !ctx.obs.queue.ok || inQueue?.power === 'present'
  const tellQueue = node.failure === null && mayCount
  const text = tellQueue ? 'it leaves the queue and its machine is deleted' : 'its machine is deleted'
  return { step: { kind: 'remove', id: node.id, tellQueue, reason: { code: 'NotWanted', text } } }
}

/**
 * A node that was given up may come after all and register, with a site that can be reached again: then jobs start there, and
 * it is taken out of the queue (`dismissSteps`) before its machine goes. A scheduler that places the jobs lets none start on
 * what was failed, but it may have forgotten that.
 */
function cameBack(node: NodeRecord, ctx: Context): Conclusion | null {
  if (node.failure === null || node.failure.code === 'MachineLost') return null
  if (ctx.obs.places === 'causeway' && !isRead(node, ctx))
    return { wait: queueUnread(ctx.obs.queue), againAtMs: ctx.now + 1 }
  const inQueue = ctx.queueNodes.get(node.name)
  if (!inQueue || !isEnrolled(inQueue)) return null
  return {
    wait: { code: 'Busy', text: 'it was given up and came after all: it leaves the queue before its machine goes' },
  }
}

/**
 * `failed`: the queue is told that it won't come, unless it has come after all, too late, and works: then its job ends first.
 * A lost machine can't work, whatever the queue believes.
 */
function failedStep(node: NodeRecord, ctx: Context): Conclusion {
  if (node.failure?.code !== 'MachineLost') {
    const { queue } = ctx.obs
    if (!isRead(node, ctx)) return { wait: queueUnread(queue), againAtMs: ctx.now + 1 }
    const inQueue = ctx.queueNodes.get(node.name)
    if (inQueue?.busy && isEnrolled(inQueue)) {
      return {
        wait: { code: 'Busy', text: 'it came too late, but a job runs on it; it is given up when the job has ended' },
      }
    }
  }
  return { step: { kind: 'give-up', id: node.id, reason: { code: 'Failed', text: describeFailure(node) } } }
}

/** `planned` and `creating`: the machine is made, or made sure of, until it is there or the deadline has passed. */
function createStep(node: NodeRecord, ctx: Context): Conclusion {
  const machines = ctx.machines(node.site)
  if (!machines) return { wait: { code: 'UnknownSite', text: `site ${node.site} is not in the configuration` } }
  const found = machineFound(node, machines, ctx)
  if (found) return found
  const overdue = deadlinePassed(node, ctx, ctx.policy.deadlines.createMs, 'CreateTimeout', 'was not created')
  // A try whose answer was lost may have made the machine, and a job may run on it by now.
  const unread = ctx.unread(node)
  const mayWork = node.phase === 'creating' && (!isRead(node, ctx) || (unread !== null && enrolled(node, ctx) !== null))
  if (overdue && !mayWork) return overdue
  // While some hosts of a pool can't be read, it may be made at another one; the driver knows whether it must not.
  if (unread !== null && (!machines.ok || node.host !== null || overdue)) return { wait: unreachable(unread) }
  if (overdue) return { wait: queueUnread(ctx.obs.queue), againAtMs: ctx.now + 1 }
  if (node.phase === 'planned' && ctx.closed(node)) {
    return failStep(node, 'InsufficientCapacity', `${typeKey(node)} was closed before the node was created`)
  }
  const drained = ctx.drained(node.site)
  if (drained && isUnmade(node, machines, ctx)) {
    return failStep(node, 'InsufficientCapacity', `${drained.text}; the node was not created yet`, true)
  }
  return (
    backingOff(node, ctx) ?? {
      step: { kind: 'create', id: node.id, reason: { code: 'WantedByQueue', text: 'its machine is to be made' } },
    }
  )
}

/** Whether certainly no machine was made for a node that is to have one. */
function isUnmade(node: NodeRecord, machines: SiteReading, ctx: Context): boolean {
  if (node.phase === 'planned') return true
  if (!isFresh(node, machines.startedAtMs, ctx.obs) || ctx.unread(node) !== null) return false
  return ctx.machine(node.site, node.id) === undefined
}

/**
 * `booting`, `installing`, `enrolling`: the node is left to itself until the queue has it or its deadline has passed. While the
 * queue can't be read it may have it already and run a job there: then only a lost machine is a failure.
 */
function enrolStep(node: NodeRecord, ctx: Context): Conclusion {
  const here = enrolled(node, ctx)
  if (here) return here
  const gone = machineGone(node, ctx)
  if (gone) return gone
  if (!isRead(node, ctx)) return { wait: queueUnread(ctx.obs.queue), againAtMs: ctx.now + 1 }
  const unread = siteUnread(node, ctx)
  if (unread) return unread
  const { deadlines } = ctx.policy
  if (node.phase === 'booting') {
    return untilDeadline(node, ctx, deadlines.bootMs, 'BootTimeout', 'did not report from its boot')
  }
  if (node.phase === 'installing') {
    return untilDeadline(node, ctx, deadlines.installMs, 'InstallTimeout', 'did not finish installing')
  }
  return untilDeadline(node, ctx, deadlines.enrolMs, 'EnrolTimeout', 'did not appear in the queue')
}

/** The step to `ready` if the queue has the node; else null. */
function enrolled(node: NodeRecord, ctx: Context): Conclusion | null {
  const inQueue = ctx.queueNodes.get(node.name)
  if (!isRead(node, ctx) || !inQueue || !isEnrolled(inQueue)) return null
  const reason: Reason = { code: 'Enrolled', text: 'the queue has it and its daemon answers' }
  return { step: { kind: 'move', id: node.id, to: 'ready', reason } }
}

/** The step to `booting` if the site lists the machine as running; else null. */
function machineFound(node: NodeRecord, machines: Reading<unknown>, ctx: Context): Conclusion | null {
  if (node.phase !== 'creating' || !isFresh(node, machines.startedAtMs, ctx.obs)) return null
  if (ctx.machine(node.site, node.id)?.state !== 'running') return null
  const reason: Reason = { code: 'MachineFound', text: 'the site lists its machine as running' }
  return { step: { kind: 'move', id: node.id, to: 'booting', reason } }
}

/** Whether the queue was read, late enough to say something about the node. */
function isRead(node: NodeRecord, { obs }: Context): boolean {
  return obs.queue.ok && isFresh(node, obs.queue.startedAtMs, obs)
}

function isEnrolled(node: QueueNode): boolean {
  return node.power === 'present' && node.responding && !node.down
}

/** A failure if the site has certainly lost the machine; else null. */
function machineGone(node: NodeRecord, ctx: Context): Conclusion | null {
  const machines = ctx.machines(node.site)
  if (!machines) return { wait: { code: 'UnknownSite', text: `site ${node.site} is not in the configuration` } }
  if (!machines.ok || !isFresh(node, machines.startedAtMs, ctx.obs)) return null
  const machine = ctx.machine(node.site, node.id)
  if (machine?.state === 'running' || ctx.unread(node) !== null) return null
  const toGo = ctx.toGo(node)
  const what = machine ? 'its machine stopped by itself' : 'its machine is gone from the site'
  return failStep(node, 'MachineLost', toGo ? `${what}; ${toGo.text}` : what, toGo !== null)
}

/** While the site, or the host that has it, can't say: a wait, and for an unfinished node a failure after the grace; else null. */
function siteUnread(node: NodeRecord, ctx: Context): Conclusion | null {
  const unread = ctx.unread(node)
  if (unread === null) return null
  const finished = node.phase === 'ready' || node.phase === 'draining'
  const sinceMs = node.unreachableSinceMs ?? ctx.now
  if (finished || ctx.now - sinceMs < ctx.policy.grace.unreachableMs) {
    return { wait: unreachable(unread), againAtMs: sinceMs + ctx.policy.grace.unreachableMs }
  }
  return failStep(node, 'HostUnreachable', `for longer than the grace, ${unread}`)
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

/** @param expected it had to go anyway: that says nothing against its type */
function failStep(node: NodeRecord, code: ErrorCode, text: string, expected = false): Conclusion {
  const reason: Reason = { code: 'Failed', text }
  return { step: { kind: 'fail', id: node.id, failure: { code, text }, ...(expected ? { expected } : {}), reason } }
}

function backingOff(node: NodeRecord, ctx: Context): Conclusion | null {
  if (ctx.now >= node.nextAttemptAtMs) return null
  const text = `tried ${node.attempts} times in vain; waits before the next try`
  return { wait: { code: 'BackingOff', text }, againAtMs: node.nextAttemptAtMs }
}

function unreachable(text: string): Reason {
  return { code: 'SiteUnreachable', text }
}

function queueUnread(queue: Context['obs']['queue']): Reason {
  if (queue.ok) return { code: 'StaleReading', text: 'the queue was read before the last act on the node ended' }
  return { code: 'QueueUnreachable', text: `the queue can't be read: ${queue.text}` }
}

function describeFailure(node: NodeRecord): string {
  return node.failure ? `${node.failure.code}: ${node.failure.text}` : 'it failed'
}
