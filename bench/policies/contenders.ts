import type { Observation } from '../../src/elastic/plan/observation.ts'
import { plan } from '../../src/elastic/plan/plan.ts'
import type { Policy, TypePolicy } from '../../src/elastic/plan/policy.ts'
import type { SimulationOptions } from '../../src/elastic/simulate/options.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs

/** A way to run the cluster: how it decides, and how often it looks. */
export interface Contender {
  readonly name: string
  readonly options: Pick<SimulationOptions, 'places' | 'pace' | 'decide'>
}

/**
 * Causeway's defaults, and models of what people run today. A model has the peer's own times and its way to count, and what
 * these programs leave to chance or to bugs goes well: no lost machines, no doubled ones, no full site that is asked for ever.
 */
export const contenders: readonly Contender[] = [
  { name: 'causeway', options: { places: 'scheduler' } },
  ...variants(),
  {
    // Power saving as its guide shows it: nodes in the order of their lines, suspended after half an hour without a job.
    name: 'slurm-timers',
    options: changed('scheduler', {}, { idleMs: 30 * minuteMs }),
  },
  {
    // As many nodes as there may be, all the time.
    name: 'fixed-size',
    options: { places: 'scheduler', decide: (obs, policy, now) => decide(obs, withTypes(policy, fixed), now) },
  },
  {
    // CLUES: looks every five seconds, first fit in the order of the nodes, half an hour of idle time.
    name: 'clues-like',
    options: changed('causeway', { pollMs: 5000 }, { idleMs: 30 * minuteMs }),
  },
  {
    // StarCluster's load balancer: looks every minute, a node for each pending job, which goes near the end of its paid hour.
    name: 'one-per-job',
    options: {
      places: 'causeway',
      pace: { pollMs: minuteMs },
      decide: (obs, policy, now) => decide(alone(obs), withTypes(policy, { idleMs: 0, lifetimeMs: 0, spare: 0 }), now),
    },
  },
]

/** Other choices of our own rules: what the defaults were chosen from. */
function variants(): Contender[] {
  const idle = (minutes: number) => ({ idleMs: minutes * minuteMs })
  return [
    { name: 'idle 1m', options: changed('scheduler', {}, idle(1)) },
    { name: 'idle 15m', options: changed('scheduler', {}, idle(15)) },
    { name: '4 spare', options: changed('scheduler', {}, { spare: 4 }) },
    { name: 'packing', options: { places: 'causeway' } },
  ]
}

/** The nodes of each job for itself, and hours that count whole, whatever the site charges. */
function alone(obs: Observation): Observation {
  const { queue } = obs
  const nodes = obs.nodes.map((node) => ({ ...node, billingMs: hourMs }))
  if (!queue.ok) return { ...obs, nodes }
  const jobs = queue.value.jobs.map((job) => ({ ...job, exclusive: true }))
  return { ...obs, nodes, queue: { ...queue, value: { ...queue.value, jobs } } }
}

const fixed = (type: TypePolicy) => ({ minimum: type.maximum, spare: 0, lifetimeMs: 0 })

function changed(
  places: 'scheduler' | 'causeway',
  pace: NonNullable<SimulationOptions['pace']>,
  types: Partial<TypePolicy>,
): Contender['options'] {
  const rules = { lifetimeMs: 0, ...types }
  // What is paid for is nothing that these programs know of.
  const blind = (obs: Observation) => ({ ...obs, nodes: obs.nodes.map((node) => ({ ...node, billingMs: 0 })) })
  return { places, pace, decide: (obs, policy, now) => decide(blind(obs), withTypes(policy, rules), now) }
}

function withTypes(policy: Policy, over: Partial<TypePolicy> | ((type: TypePolicy) => Partial<TypePolicy>)): Policy {
  const of = typeof over === 'function' ? over : () => over
  return { ...policy, types: policy.types.map((type) => ({ ...type, ...of(type) })) }
}

function decide(obs: Observation, policy: Policy, now: number) {
  return plan(obs, policy, now)
}
