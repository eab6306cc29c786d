import { typeKey } from '../../src/elastic/plan/policy.ts'
import { Random } from './random.ts'
import { drawScenario, type Scenario } from './scenario.ts'
import { unleash } from './trouble.ts'
import { isPossible } from './wishes.ts'
import { World } from './world.ts'

/** Within this time after the last trouble everything must be done, virtual ms. */
const recoveryMs = 600_000

/** For so long nothing may change after that, virtual ms. */
const restMs = 30_000

/** A round that is under way when all is done goes by what it had read before: a poll, a reading and the act take no longer, virtual ms. */
const lastRoundMs = 5000

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
  try {
    return await play(seed, world, scenario, random)
  } finally {
    await world.close()
  }
}

async function play(seed: number, world: World, scenario: Scenario, random: Random): Promise<Outcome> {
  const { oracle } = world
  world.log(
    `seed ${seed}: ${JSON.stringify({ places: scenario.places, policy: world.policy, faults: [...scenario.faults] })}`,
  )
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
  if (oracle.violations.length + violations.length === 0) {
    world.log('all is done')
    const quietFromMs = world.elapsedMs + lastRoundMs
    while (world.elapsedMs < quietFromMs) await world.step()
    const lives = (await world.allLives()).length
    const restUntilMs = world.elapsedMs + restMs
    while (world.elapsedMs < restUntilMs) await world.step()
    const budgeted = world.policy.budgets.length > 0
    // A period that ends sets nodes going, for a minimum too: they come to rest again.
    const patienceMs = budgeted ? recoveryMs : 0
    while (!isDone(world) && world.elapsedMs < restUntilMs + patienceMs) await world.step()
    // A job that a later period may pay for after all begins when it does.
    const isWaiting = budgeted && world.scheduler.peek().jobs.some(({ state: now }) => now !== 'ended')
    const isCalm = isDone(world) && (budgeted || (await world.allLives()).length === lives)
    if (!isWaiting && !isCalm) violations.push(`no rest: ${state(world)}`)
  }
  violations.unshift(...oracle.violations)
  return {
    seed,
    violations,
    events: [...world.events, ...violations.map((text) => `         VIOLATION: ${text}`)],
    lives: (await world.allLives()).length,
    controllers: world.controllers,
    virtualMs: world.elapsedMs,
  }
}

/** Every job that can run has ended, and no machine and no life is left but the ready ones that the rules keep. */
function isDone(world: World): boolean {
  const { policy, lives, drivers, scheduler } = world
  if (lives.some((life) => life.phase !== 'ready')) return false
  const kept = policy.types.every((type) => {
    const count = lives.filter((life) => typeKey(life) === typeKey(type)).length
    const spare = Math.min(type.maximum, Math.max(type.minimum, type.spare))
    // What is left of a budget may not be enough for kept nodes until the next period.
    return count <= spare && (policy.budgets.length > 0 || count >= spare)
  })
  if (!kept) return false
  const machines = [...drivers.values()].flatMap(({ at }) => [...at.machines])
  const known = new Set(lives.map((life) => life.id))
  if (machines.length !== lives.length || machines.some(([id, { running }]) => !running || !known.has(id))) return false
  return scheduler.peek().jobs.every((job) => job.state === 'ended' || !isPossible(job, policy, scheduler.places))
}

function state({ lives, drivers, scheduler }: World): string {
  const { jobs, nodes } = scheduler.peek()
  return JSON.stringify({
    lives: lives.map(({ id, name, phase }) => `${name} ${id} ${phase}`),
    machines: [...drivers.values()].flatMap(({ at }) => [...at.machines.keys()]),
    jobs: jobs
      .filter((job) => job.state !== 'ended')
      .map(
        ({ id, state, nodes: on, nodeCount, perNode, features, partition, user, account, blocked }) =>
          `${id} ${state} ${blocked ?? ''} ${nodeCount}x${perNode.cpus} ${features} ${partition} ${user} ${account} ${on.join(',')}`,
      ),
    nodes: nodes.map(
      (node) => `${node.name} ${node.power}${node.drained ? ' drained' : ''}${node.down ? ' down' : ''} ${node.reason}`,
    ),
  })
}
