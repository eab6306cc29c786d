import type { Job } from '../../src/elastic/plan/demand.ts'
import { typeKey } from '../../src/elastic/plan/policy.ts'
import { Random } from './random.ts'
import { drawScenario } from './scenario.ts'
import { unleash } from './trouble.ts'
import { World } from './world.ts'

/** Within this time after the last trouble everything must be done, virtual ms. */
const recoveryMs = 400_000

/** For so long nothing may change after that, virtual ms. */
const restMs = 30_000

/** How a seed went. */
export interface Outcome {
  readonly seed: number
  /** What must never happen and did; empty when all is well. */
  readonly violations: readonly string[]
  /** What happened, in order, a line each. */
  readonly events: readonly string[]
  readonly lives: number
  readonly controllers: number
  readonly virtualMs: number
}

/** Runs the world that a seed draws, from its first job until it is at rest again. The same seed runs the same way. */
export async function runSeed(seed: number): Promise<Outcome> {
  const random = new Random(seed)
  const scenario = drawScenario(random)
  const kills = random.stream('kills')
  const world = await World.begin({
    random,
    ...scenario,
    fuse: () => ({ atCall: kills.int(1, 400), moment: kills.pick(['before', 'after'] as const) }),
  })
  const { oracle } = world
  world.log(`seed ${seed}: ${JSON.stringify({ policy: world.policy, faults: [...scenario.faults] })}`)
  unleash(world, scenario, random)
  const violations: string[] = []
  const end = scenario.troubledMs + recoveryMs
  while (world.elapsedMs < scenario.troubledMs || !isDone(world)) {
    await world.step()
    if (world.elapsedMs < end && oracle.violations.length === 0) continue
    if (oracle.violations.length === 0)
      violations.push(`not done ${recoveryMs / 1000} s after the troubles: ${state(world)}`)
    break
  }
  const lives = (await world.allLives()).length
  if (oracle.violations.length + violations.length === 0) {
    world.log('all is done')
    const restUntilMs = world.elapsedMs + restMs
    while (world.elapsedMs < restUntilMs) await world.step()
    if (!isDone(world) || (await world.allLives()).length > lives) violations.push(`no rest: ${state(world)}`)
  }
  violations.unshift(...oracle.violations)
  await world.close()
  return {
    seed,
    violations,
    events: [...world.events, ...violations.map((text) => `         VIOLATION: ${text}`)],
    lives,
    controllers: world.controllers,
    virtualMs: world.elapsedMs,
  }
}

/** Every job that can run has ended, and no machine and no life is left but the ready ones that the minimum asks for. */
function isDone(world: World): boolean {
  const { policy, lives, drivers, scheduler } = world
  if (lives.some((life) => life.phase !== 'ready')) return false
  const atMinimum = policy.types.every(
    (type) => lives.filter((life) => typeKey(life) === typeKey(type)).length === type.minimum,
  )
  if (!atMinimum) return false
  const known = new Set(lives.map((life) => life.id))
  if ([...drivers.values()].some(({ at }) => [...at.machines].some(([id, { running }]) => !running || !known.has(id))))
    return false
  return scheduler.peek().jobs.every((job) => job.state === 'ended' || !isPossible(job, world))
}

function isPossible(job: Job, { policy }: World): boolean {
  let room = 0
  for (const type of policy.types) if (job.features === '' || type.features.includes(job.features)) room += type.maximum
  return job.nodeCount <= room
}

function state({ lives, drivers, scheduler }: World): string {
  const { jobs, nodes } = scheduler.peek()
  return JSON.stringify({
    lives: lives.map(({ id, name, phase }) => `${name} ${id} ${phase}`),
    machines: [...drivers.values()].flatMap(({ at }) => [...at.machines.keys()]),
    jobs: jobs
      .filter((job) => job.state !== 'ended')
      .map(({ id, state, nodes: on }) => `${id} ${state} ${on.join(',')}`),
    nodes: nodes.map(
      (node) => `${node.name} ${node.power}${node.drained ? ' drained' : ''}${node.down ? ' down' : ''} ${node.reason}`,
    ),
  })
}
