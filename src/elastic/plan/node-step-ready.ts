import type { NodeRecord } from '../../store/node-record.ts'
import { type Conclusion, isFresh } from './conclusion.ts'
import type { Context } from './context.ts'
import type { QueueNode } from './demand.ts'
import { reasonPrefix } from './reason-prefix.ts'
import type { Reason } from './steps.ts'

/** `ready`: kept while it works, drained when it was idle for long enough and nobody waits for it. */
export function readyStep(node: NodeRecord, ctx: Context): Conclusion {
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
  if (inQueue.drained && !inQueue.reason.startsWith(reasonPrefix)) {
    return { wait: { code: 'DrainedByAdmin', text: `an admin has drained it: ${inQueue.reason}` }, idleSinceMs }
  }
  const site = ctx.sites.get(node.site)
  if (!site) return { wait: { code: 'UnknownSite', text: `site ${node.site} is not in the configuration` } }
  const capacity = ctx.capacity.get(node.site) ?? 0
  if (capacity <= site.minimum) {
    return { wait: { code: 'AtMinimum', text: `${node.site} keeps ${site.minimum} nodes` }, idleSinceMs }
  }
  const job = ctx.demandFor(node.site)
  if (job && !inQueue.drained) {
    return {
      wait: { code: 'DemandWaiting', text: `job ${job.id} waits and could use it`, facts: { job: job.id } },
      idleSinceMs,
    }
  }
  const idleMs = ctx.now - idleSinceMs
  if (idleMs < site.idleMs) {
    const text = `idle for ${seconds(idleMs)} s of ${seconds(site.idleMs)} s`
    return { wait: { code: 'IdleTimeRunning', text }, againAtMs: idleSinceMs + site.idleMs, idleSinceMs }
  }
  const text = `idle for ${seconds(idleMs)} s, more than the ${seconds(site.idleMs)} s that ${node.site} allows`
  return { step: { kind: 'drain', id: node.id, reason: { code: 'Idle', text, facts: { idleMs } } }, idleSinceMs }
}

/** `draining`: deleted once the queue shows the drain and nothing runs; taken back when demand returns. */
export function drainingStep(node: NodeRecord, ctx: Context): Conclusion {
  const read = readInQueue(node, ctx)
  if ('conclusion' in read) return read.conclusion
  const { inQueue } = read
  if (inQueue.power === 'leaving' && inQueue.busy) {
    return { wait: { code: 'Busy', text: 'the queue powers it down when its job has ended' } }
  }
  if (inQueue.power !== 'present') {
    return moveTo(node, 'deleting', { code: 'PoweredDownByQueue', text: 'the queue has powered it down' })
  }
  const job = ctx.demandFor(node.site)
  if (job) {
    const reason: Reason = {
      code: 'DemandReturned',
      text: `job ${job.id} waits and could use it`,
      facts: { job: job.id },
    }
    return { step: { kind: 'cancel-drain', id: node.id, reason } }
  }
  if (inQueue.busy)
    return { wait: { code: 'Busy', text: 'a job still runs on it; it is deleted when the job has ended' } }
  if (!inQueue.drained) {
    // The drain was accepted but is not there: lifted by somebody, or lost with a scheduler's restart. Look at it afresh.
    const reason: Reason = { code: 'DrainNotSeen', text: 'the queue no longer shows its drain' }
    return { step: { kind: 'cancel-drain', id: node.id, reason } }
  }
  return moveTo(node, 'deleting', { code: 'Drained', text: 'drained, and nothing runs on it' })
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
