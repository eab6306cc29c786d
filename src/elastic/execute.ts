import type { Clock } from '../base/clock.ts'
import type { CausewayError, ErrorCode } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Driver } from '../sites/driver.ts'
import type { EventStore } from '../store/event-store.ts'
import type { Failure, NodeRecord } from '../store/node-record.ts'
import type { NodeStore, StartedLife } from '../store/node-store.ts'
import type { Acts } from './acts.ts'
import { type Backoff, backoffMs, retryAfterMs } from './backoff.ts'
import type { CacheWarmer } from './cache-warmer.ts'
import { createMachine, creating, type MachineMaker } from './create-machine.ts'
import type { Explainer } from './explainer.ts'
import { keepConsole } from './keep-console.ts'
import { afterFailure, afterSuccess } from './plan/breaker.ts'
import { jobKey } from './plan/caps.ts'
import type { Observation } from './plan/observation.ts'
import { type Policy, typeKey } from './plan/policy.ts'
import {
  isJobStep,
  isNodeStep,
  type JobStep,
  type NameStep,
  type NodeStep,
  type Plan,
  type Step,
} from './plan/steps.ts'
import type { Registration } from './scheduler.ts'
import { hashToken } from './tokens.ts'

/** What carrying out a plan needs. */
export interface Tools extends MachineMaker {
  readonly clock: Clock
  readonly log: Logger
  readonly nodes: NodeStore
  readonly events: EventStore
  readonly drivers: ReadonlyMap<string, Driver>
  readonly acts: Acts
  /** Says in the queue why jobs wait; left out: nobody does. */
  readonly explainer?: Explainer
  /** Tells sites' caches what the nodes to come will install; left out: nobody does. */
  readonly warmer?: CacheWarmer
  /** Of steps on names, which every round decides anew until the queue shows their effect. */
  readonly backoff: Backoff
  /** The rules that are in force at a time. */
  policyAt(now: number): Policy
  /** When other rules come into force, ms since the epoch: may be early, never late. Null or left out: never. */
  policyChangesAtMs?(now: number): number | null
  /** A new unique id for a life. */
  newId(): string
}

/** Failures of a create after which the same site is not asked again for this node. */
const hopeless: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'InsufficientCapacity',
  'QuotaExceeded',
  'ImageMissing',
  'Unauthorized',
  'HostKeyMismatch',
])

/**
 * Carries out a plan: what is only to be recorded is committed before this resolves; acts on the outside are started and go
 * on by themselves. No choice is left here but how to retry.
 *
 * Machines that users wait for come first: all new lives are committed at once, and no other record keeps their machines waiting.
 */
export async function execute(plan: Pick<Plan, 'steps' | 'notes'>, obs: Observation, tools: Tools): Promise<void> {
  const byId = new Map(obs.nodes.map((node) => [node.id, node]))
  const begins = plan.steps.filter((step) => step.kind === 'begin')
  const again = plan.steps.flatMap((step) => (step.kind === 'create' ? (byId.get(step.id) ?? []) : []))
  const begun = await begin(begins, tools)
  tools.warmer?.nodesCome([...begun, ...again])
  if (begun.length + again.length > 0) await tools.wantOverlay()
  for (const node of [...begun, ...again]) startCreate(node, tools)
  await tools.nodes.note(plan.notes)
  for (const step of plan.steps) {
    const node = isNodeStep(step) ? byId.get(step.id) : undefined
    if (step.kind === 'begin' || step.kind === 'create') continue
    if (isJobStep(step)) await onJobs(step, tools)
    else if (!isNodeStep(step)) await onName(step, tools)
    else if (node) await onNode(step, node, tools)
  }
}

type Begin = Extract<Step, { kind: 'begin' }>

/** Commits new lives, whose machines are made next. */
async function begin(steps: readonly Begin[], tools: Tools): Promise<NodeRecord[]> {
  if (steps.length === 0) return []
  const lives = steps.map((step): StartedLife => {
    const { name, site, type, jobs, reason } = step
    const id = tools.newId()
    const tokenHash = hashToken(tools.tokenFor(id))
    return { id, name, site, type, jobs, ...tariff(step, tools), cause: reason, tokenHash }
  })
  const begun = await tools.nodes.start(lives, creating, tools.clock.now())
  for (const { id } of begun) tools.unasked.add(id)
  return begun
}

async function onNode(step: Exclude<NodeStep, { kind: 'create' }>, node: NodeRecord, tools: Tools): Promise<void> {
  const { nodes, scheduler, clock } = tools
  switch (step.kind) {
    case 'move': {
      await nodes.move(node.id, [node.phase], step.to, step.reason, clock.now())
      if (step.to === 'ready') await recordSuccess(node, tools)
      return
    }
    case 'fail': {
      await recordFailure(node, step.failure, tools, step.expected)
      return
    }
    case 'drain':
      if (!(await nodes.move(node.id, ['ready'], 'draining', step.reason, clock.now()))) return
      startAct(node, tools, () => scheduler.drain([node.name], step.reason.text))
      return
    case 'cancel-drain':
      startAct(node, tools, async () => {
        await scheduler.cancelDrain([node.name])
        await nodes.move(node.id, ['draining'], 'ready', step.reason, clock.now())
      })
      return
    case 'give-up':
      startAct(node, tools, async () => {
        await scheduler.fail([node.name], step.reason.text)
        await keepConsole(node, tools)
        await nodes.move(node.id, ['failed'], 'deleting', step.reason, clock.now())
      })
      return
    case 'remove':
      startAct(node, tools, async () => {
        if (step.tellQueue) await scheduler.powerDown([node.name])
        await tools.drivers.get(node.site)?.delete(node.id)
        await nodes.move(node.id, ['deleting'], 'gone', { code: 'Deleted', text: 'its machine is gone' }, clock.now())
      })
      return
  }
}

async function onName(step: Exclude<NameStep, Begin>, tools: Tools): Promise<void> {
  const { nodes, scheduler, clock, drivers } = tools
  switch (step.kind) {
    case 'adopt': {
      const { machine, name, site, type, reason } = step
      const life = { id: machine, name, site, type, jobs: [], phase: 'booting' as const, ...tariff(step, tools) }
      await nodes.begin(life, reason, clock.now())
      return
    }
    case 'collect': {
      const { site, machine } = step
      const key = `collect ${machine}`
      if (clock.now() < tools.backoff.untilMs(key)) return
      tools.acts.start(
        site,
        [machine],
        async () => drivers.get(site)?.delete(machine),
        (error) => queueFailure(step, key, error, tools),
      )
      return
    }
    case 'register':
    case 'power-up':
    case 'refuse':
    case 'dismiss':
    case 'close':
    case 'reopen': {
      const { names, reason } = step
      const key = `${step.kind} ${names.join(' ')}`
      if (!tools.backoff.mayTry(key)) return
      const call = {
        register: () => scheduler.register(registrationsFor(step, tools)),
        'power-up': () => scheduler.powerUp(names),
        refuse: () => scheduler.fail(names, reason.text),
        dismiss: () => scheduler.powerDown(names),
        close: () => scheduler.close(names, reason.text),
        reopen: () => scheduler.reopen(names),
      }[step.kind]
      if (!tools.acts.start(step.site, names, call, (error) => queueFailure(step, key, error, tools))) return
      await tools.events.append({
        atMs: clock.now(),
        kind: 'queue',
        site: step.site,
        nodeId: null,
        nodeName: names.length === 1 ? (names[0] ?? null) : null,
        code: reason.code,
        text: `${step.kind} ${names.join(', ')}: ${reason.text}`,
        facts: { ...reason.facts, names },
        jobs: [],
      })
      return
    }
  }
}

/** What the configuration knows of these names; those that it has no place for are left out. */
function registrationsFor(step: Exclude<NameStep, Begin>, tools: Tools): Registration[] {
  if (step.kind !== 'register') return []
  const { site, type } = step
  return step.names.flatMap((name) => tools.registration({ name, site, type }) ?? [])
}

/** Queue calls on jobs count as acts of no site. */
async function onJobs(step: JobStep, tools: Tools): Promise<void> {
  const { scheduler, clock } = tools
  const { kind, jobs, reason } = step
  const key = `${kind} ${jobs.join(' ')}`
  if (!tools.backoff.mayTry(key)) return
  const call = {
    hold: () => scheduler.hold(jobs, reason.text),
    release: () => scheduler.release(jobs),
    confine: () => scheduler.confine(jobs, 'site' in step ? step.site : ''),
  }[kind]
  if (!tools.acts.start('', jobs.map(jobKey), call, (error) => queueFailure(step, key, error, tools))) return
  await tools.events.append({
    atMs: clock.now(),
    kind: 'queue',
    site: null,
    nodeId: null,
    nodeName: null,
    code: reason.code,
    text: `${kind} ${jobs.length > 5 ? `${jobs.slice(0, 5).join(', ')} and ${jobs.length - 5} more` : jobs.join(', ')}: ${reason.text}`,
    facts: { ...reason.facts },
    jobs,
  })
}

/** What a life that begins now will cost. */
function tariff(of: { site: string; type: string }, tools: Tools) {
  const type = tools.policyAt(tools.clock.now()).types.find((candidate) => typeKey(candidate) === typeKey(of))
  return { costPerHour: type?.costPerHour ?? 0, billingMs: type?.billingMs ?? 0 }
}

/** The type's failures are forgotten: also one that was recorded after this round's observation. */
async function recordSuccess(node: NodeRecord, { nodes }: Tools): Promise<void> {
  const breaker = (await nodes.breakers()).get(typeKey(node))
  if (breaker && (breaker.failures > 0 || breaker.closedUntilMs !== null)) await nodes.setBreaker(afterSuccess(node))
}

/** @param expected the node had to go anyway: its type's breaker stays as it is */
async function recordFailure(node: NodeRecord, failure: Failure, tools: Tools, expected = false): Promise<void> {
  const { nodes } = tools
  const now = tools.clock.now()
  tools.unasked.delete(node.id)
  if (expected) {
    await nodes.fail(node.id, failure, null, now)
    return
  }
  const before = (await nodes.breakers()).get(typeKey(node))
  await nodes.fail(node.id, failure, afterFailure(before, node, tools.policyAt(now).breaker, now), now)
}

/** Makes the machine; a hopeless failure ends this life, any other is tried again until the deadline. */
function startCreate(node: NodeRecord, tools: Tools): void {
  tools.acts.start(
    node.site,
    [node.id, node.name],
    () => createMachine(node, tools),
    async (error) => {
      if (!hopeless.has(error.code)) return attemptFailed(node, error, tools)
      const drained = (await tools.drains()).some(({ site, host }) => site === node.site && host === null)
      const expected = error.code === 'InsufficientCapacity' && drained
      await recordFailure(node, { code: error.code, text: error.message }, tools, expected)
    },
  )
}

function startAct(node: NodeRecord, tools: Tools, act: () => Promise<void>): void {
  tools.acts.start(node.site, [node.id, node.name], act, (error) => attemptFailed(node, error, tools))
}

async function attemptFailed(node: NodeRecord, error: CausewayError, tools: Tools): Promise<void> {
  const now = tools.clock.now()
  tools.log.warn(
    { node: node.name, id: node.id, code: error.code, err: error },
    'an act failed and will be tried again',
  )
  const pauseMs = Math.max(backoffMs(node.attempts, tools.policyAt(now).retry), retryAfterMs(error))
  await tools.nodes.attemptFailed(node, { code: error.code, text: error.message }, now + pauseMs, now)
}

/** @param key what its tries are counted under */
async function queueFailure(step: NameStep | JobStep, key: string, error: CausewayError, tools: Tools): Promise<void> {
  const saidMs = retryAfterMs(error)
  if (saidMs > 0) tools.backoff.holdOff(key, saidMs)
  tools.log.warn(
    { step: step.kind, code: error.code, err: error },
    'an act failed; the next round sees whether it is still due',
  )
}
