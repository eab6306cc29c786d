import type { NodeRecord } from '../../store/node-record.ts'
import { type Conclusion, isFresh } from './conclusion.ts'
import type { Context } from './context.ts'
import type { QueueNode } from './demand.ts'
import { type TypePolicy, typeKey } from './policy.ts'
import { reasonPrefix } from './reason-prefix.ts'
import type { Shrinking } from './shrink.ts'
import type { Reason } from './steps.ts'

/** `ready`: kept while it works, drained when it was idle for long enough and nobody waits for it. */
export function readyStep(node: NodeRecord, ctx: Shrinking): Conclusion {
  const read = readInQueue(node, ctx)
  if ('conclusion' in read) return read.conclusion
  const { inQueue } = read
  if (inQueue.power === 'leaving' && inQueue.busy) {
    return { wait: { code: 'Busy', text: 'the queue powers it down when its job has ended' } }
  }
  if (inQueue.power === 'absent' || inQueue.power === 'leaving') {
    return moveTo(node, 'deleting', { code: 'PoweredDownByQueue', text: 'the queue has powered it down' })
  }
  if (inQueue.power === 'wanted') {
    const text = 'the queue asks for it anew: this machine belongs to an earlier request'
    return moveTo(node, 'deleting', { code: 'RestartedByQueue', text })
  }
  const isOurs = inQueue.reason.startsWith(reasonPrefix)
  const toGo = ctx.toGo(node)
  // It gets no new jobs; those that it has go on.
  const mayDrain = isOurs || !(inQueue.drained || inQueue.down)
  if (toGo && inQueue.busy && mayDrain) return { step: { kind: 'drain', id: node.id, reason: toGo }, idleSinceMs: null }
  if (inQueue.busy) {
    const jobs = ctx.jobsOn(node.name).map((job) => job.id)
    return { wait: { code: 'Busy', text: 'it works', facts: { jobs } }, idleSinceMs: null }
  }
  const idleSinceMs = node.idleSinceMs ?? ctx.now
  if (inQueue.down || !inQueue.responding) {
    return {
      wait: { code: 'QueueSaysDown', text: `the queue can't reach it (${inQueue.reason || 'no reason given'})` },
    }
  }
  if (inQueue.drained && !isOurs) {
    return { wait: { code: 'DrainedByAdmin', text: `an admin has drained it: ${inQueue.reason}` }, idleSinceMs }
  }
  if (toGo) return { step: { kind: 'drain', id: node.id, reason: toGo }, idleSinceMs }
  const type = ctx.typeOf(node)
  if (!type && !ctx.isSite(node.site)) {
    return { wait: { code: 'UnknownSite', text: `site ${node.site} is not in the configuration` }, idleSinceMs }
  }
  const tooMany = whyTooMany(node, type, ctx)
  const job = ctx.neededBy(node)
  if (type && !tooMany) {
    if (inQueue.drained) {
      // A scheduler that restarts may have it from the name's last life; a call may come late.
      const reason: Reason = { code: 'DrainLeft', text: 'the queue still shows a drain of ours that is over' }
      return { step: { kind: 'cancel-drain', id: node.id, reason }, idleSinceMs }
    }
    const kept = whyKept(type, ctx)
    if (kept) return { wait: kept, idleSinceMs }
    if (job !== undefined) {
      return {
        wait: { code: 'DemandWaiting', text: `job ${job} waits and could use it`, facts: { job } },
        idleSinceMs,
      }
    }
  }
  const early = type && whyEarly(node, type, tooMany === null, idleSinceMs, ctx.now)
  if (early) return { ...early, idleSinceMs }
  const idleMs = ctx.now - idleSinceMs
  const text = `idle for ${seconds(idleMs)} s, more than the ${seconds(type?.idleMs ?? 0)} s that ${node.site} allows`
  const reason: Reason = tooMany ?? { code: 'Idle', text, facts: { idleMs } }
  return { step: { kind: 'drain', id: node.id, reason }, idleSinceMs }
}

/** Why the node is one too many, whoever could use it: the maximum that is in force, or a budget. */
function whyTooMany(node: NodeRecord, type: TypePolicy | undefined, ctx: Shrinking): Reason | null {
  if (!type) return { code: 'AboveMaximum', text: `the policy has no type ${typeKey(node)} any more` }
  const useful = ctx.useful(type)
  if (useful > type.maximum) {
    const text = `${typeKey(type)} may have ${type.maximum} nodes now and has ${useful}`
    return { code: 'AboveMaximum', text, facts: { useful, maximum: type.maximum } }
  }
  const budget = ctx.exceeded(node.site)
  if (!budget || useful <= type.minimum) return null
  const { period, site, amount } = budget
  const text = `with what there is the ${period}'s budget of ${amount}${site ? ` for ${site}` : ''} will be exceeded`
  return { code: 'OverBudget', text, facts: { period, site, amount } }
}

function whyKept(type: TypePolicy, ctx: Shrinking): Reason | null {
  if (ctx.useful(type) <= type.minimum) {
    return { code: 'AtMinimum', text: `${typeKey(type)} keeps ${type.minimum} nodes` }
  }
  if (ctx.free(type) > type.spare) return null
  return { code: 'Spare', text: `${typeKey(type)} keeps ${type.spare} free nodes` }
}

/** Why the node is not to go yet, though nobody needs it. `unhurried`: its idle time and least lifetime count. */
function whyEarly(
  node: NodeRecord,
  type: TypePolicy,
  unhurried: boolean,
  idleSinceMs: number,
  now: number,
): { wait: Reason; againAtMs: number } | null {
  const idleUntilMs = idleSinceMs + type.idleMs
  if (unhurried && now < idleUntilMs) {
    const text = `idle for ${seconds(now - idleSinceMs)} s of ${seconds(type.idleMs)} s`
    return { wait: { code: 'IdleTimeRunning', text }, againAtMs: idleUntilMs }
  }
  const livesUntilMs = node.beganAtMs + type.lifetimeMs
  if (unhurried && now < livesUntilMs) {
    const text = `it lives for ${seconds(type.lifetimeMs)} s at least`
    return { wait: { code: 'LifetimeRunning', text }, againAtMs: livesUntilMs }
  }
  const dueMs = paidUntilNearly(node, now)
  if (now >= dueMs) return null
  const text = `it is paid for, for another ${seconds(node.billingMs - ((now - node.beganAtMs) % node.billingMs))} s`
  return { wait: { code: 'PaidFor', text }, againAtMs: dueMs }
}

/** When the time that is paid for is about to end: for its last tenth the node may go. Now, if it is charged by the ms. */
function paidUntilNearly({ billingMs, beganAtMs }: NodeRecord, now: number): number {
  if (billingMs === 0) return now
  const into = (now - beganAtMs) % billingMs
  return now - into + billingMs * 0.9
}

/** `draining`: deleted once the queue shows the drain and nothing runs; taken back when demand returns. */
export function drainingStep(node: NodeRecord, ctx: Shrinking): Conclusion {
  const read = readInQueue(node, ctx)
  if ('conclusion' in read) return read.conclusion
  const { inQueue } = read
  if (inQueue.power === 'leaving' && inQueue.busy) {
    return { wait: { code: 'Busy', text: 'the queue powers it down when its job has ended' } }
  }
  if (inQueue.power !== 'present') {
    return moveTo(node, 'deleting', { code: 'PoweredDownByQueue', text: 'the queue has powered it down' })
  }
  const job = ctx.neededBy(node)
  const type = ctx.typeOf(node)
  const mayStay = type && ctx.useful(type) < type.maximum && !ctx.exceeded(node.site) && !ctx.toGo(node)
  if (job !== undefined && mayStay) {
    const reason: Reason = { code: 'DemandReturned', text: `job ${job} waits and could use it`, facts: { job } }
    return { step: { kind: 'cancel-drain', id: node.id, reason } }
  }
  if (inQueue.busy) return stillBusy(node, ctx)
  if (!inQueue.drained) {
    // The drain was accepted but is not there: lifted by somebody, or lost with a scheduler's restart. Look at it afresh.
    const reason: Reason = { code: 'DrainNotSeen', text: 'the queue no longer shows its drain' }
    return { step: { kind: 'cancel-drain', id: node.id, reason } }
  }
  return moveTo(node, 'deleting', { code: 'Drained', text: 'drained, and nothing runs on it' })
}

/** A running job is never killed; that it goes on for very long is said. */
function stillBusy(node: NodeRecord, ctx: Context): Conclusion {
  const dueMs = node.phaseSinceMs + ctx.policy.deadlines.drainMs
  if (ctx.now < dueMs) {
    const text = 'a job still runs on it; it is deleted when the job has ended'
    return { wait: { code: 'Busy', text }, againAtMs: dueMs }
  }
  const jobs = ctx.jobsOn(node.name).map((job) => job.id)
  const text = `job ${jobs.join(', ')} still runs on it, ${seconds(ctx.now - node.phaseSinceMs)} s after its drain`
  return { wait: { code: 'DrainOverdue', text, facts: { jobs } } }
}

function readInQueue(node: NodeRecord, ctx: Context): { inQueue: QueueNode } | { conclusion: Conclusion } {
  const { queue } = ctx.obs
  if (!queue.ok) {
    return { conclusion: { wait: { code: 'QueueUnreachable', text: `the queue can't be read: ${queue.text}` } } }
  }
  if (!isFresh(node, queue.startedAtMs, ctx.obs)) {
    const text = 'the queue was read before the last act on the node ended'
    return { conclusion: { wait: { code: 'StaleReading', text }, againAtMs: ctx.now + 1 } }
  }
  const inQueue = ctx.queueNodes.get(node.name)
  if (inQueue) return { inQueue }
  return { conclusion: moveTo(node, 'deleting', { code: 'NotWanted', text: 'the queue does not know it any more' }) }
}

function moveTo(node: NodeRecord, to: 'deleting', reason: Reason): Conclusion {
  return { step: { kind: 'move', id: node.id, to, reason } }
}

function seconds(ms: number): number {
  return Math.round(ms / 1000)
}
