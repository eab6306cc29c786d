import type { Backoff } from '../backoff.ts'
import { type Policy, typeKey } from '../plan/policy.ts'
import { isJobStep, isNodeStep, type NameStep, type NodeStep, type Plan, type Step } from '../plan/steps.ts'
import type { Life } from './life.ts'
import type { Lives } from './lives.ts'
import type { SimulatedQueue } from './queue.ts'

/** What plans are carried out on. */
export interface World {
  readonly lives: Lives
  readonly queue: SimulatedQueue
  /** Of steps that every round decides anew until the queue shows their effect. */
  readonly backoff: Backoff
}

/**
 * Carries out a plan in the simulated queue and sites, as `execute` does in the real ones. Calls of the queue and deletions take no
 * time; creates do.
 * @returns what was done; and when what was not, because it was tried a moment ago, may be tried, ms: infinite if all was
 */
export function carryOut(
  plan: Plan,
  world: World,
  policy: Policy,
  nowMs: number,
): { readonly done: readonly Step[]; readonly againMs: number } {
  const { lives, queue, backoff } = world
  const done: Step[] = []
  let againMs = Infinity
  const mayTry = (key: string) => {
    if (backoff.mayTry(key)) return true
    againMs = Math.min(againMs, backoff.untilMs(key))
    return false
  }
  for (const { id, idleSinceMs } of plan.notes) {
    const life = lives.withId(id)
    if (life && idleSinceMs !== undefined) life.idleSinceMs = idleSinceMs
  }
  for (const step of plan.steps) {
    if (isJobStep(step) && !mayTry(`${step.kind} ${step.jobs.join(' ')}`)) continue
    if ('names' in step && !mayTry(`${step.kind} ${step.names.join(' ')}`)) continue
    done.push(step)
    if (isNodeStep(step)) {
      const life = lives.withId(step.id)
      if (life) onLife(step, life, lives, queue, nowMs)
    } else if (!isJobStep(step)) onName(step, lives, queue, policy, nowMs)
    else if (step.kind === 'hold') queue.hold(step.jobs)
    else if (step.kind === 'release') queue.release(step.jobs)
  }
  return { done, againMs }
}

function onLife(step: NodeStep, life: Life, lives: Lives, queue: SimulatedQueue, nowMs: number): void {
  const { name } = life
  switch (step.kind) {
    case 'move':
      if (step.to === 'ready') lives.ready(life, nowMs)
      else life.move(step.to, nowMs)
      return
    case 'fail':
      lives.fail(life, step.failure, nowMs)
      return
    case 'create':
      lives.create(life, nowMs)
      return
    case 'drain':
      life.move('draining', nowMs)
      queue.drain([name], step.reason.text)
      return
    case 'cancel-drain':
      queue.cancelDrain([name])
      life.move('ready', nowMs)
      return
    case 'give-up':
      queue.fail([name], step.reason.text)
      life.move('deleting', nowMs)
      return
    case 'remove':
      if (step.tellQueue) queue.powerDown([name])
      lives.remove(life, nowMs)
      return
  }
}

function onName(step: NameStep, lives: Lives, queue: SimulatedQueue, policy: Policy, nowMs: number): void {
  switch (step.kind) {
    case 'begin': {
      const type = policy.types.find((candidate) => typeKey(candidate) === typeKey(step))
      if (!type || lives.named(step.name)) throw new Error(`${step.name} can't begin: it lives, or has no type`)
      lives.begin(step.name, type, step.jobs, nowMs)
      if (queue.node(step.name)?.busy) lives.named(step.name)?.held(nowMs)
      return
    }
    case 'power-up':
      queue.powerUp(step.names)
      return
    case 'refuse':
      queue.fail(step.names, step.reason.text)
      return
    case 'dismiss':
      queue.powerDown(step.names)
      return
    case 'close':
      queue.close(step.names, step.reason.text)
      return
    case 'reopen':
      queue.reopen(step.names)
      return
    case 'register': // A simulated queue knows all nodes that there may be.
      return
    case 'adopt':
    case 'collect':
      throw new Error(`a simulated site has no machine that nobody knows, and yet: ${step.reason.text}`)
  }
}
