import type { View } from './loop.ts'
import type { Observation } from './plan/observation.ts'
import type { Step } from './plan/steps.ts'
import { queueOfLine } from './simulate/traces/recorded-line.ts'

/** One round of the live loop as it was: what was seen, and what was decided. */
export interface RecordedRound {
  /** When the plan was made, ms since the epoch. */
  readonly atMs: number
  readonly observation: Observation
  readonly steps: readonly Step[]
}

/** Observations hold maps and sets, which JSON has not: these are written as lists of pairs and of values. */
const maps = ['sites', 'settledAtMs', 'breakers', 'spent', 'lastFailureMs', 'orphansSinceMs'] as const

/** Maps that recordings of earlier versions do not have. */
const laterMaps = ['lastGoneMs'] as const

/** Facts of nodes that they do not have either. */
const laterFacts = { host: null, address: null, leavingAtMs: null }

/** The round as one line of JSON, without the line's end. */
export function encodeRound({ observation, plan }: Pick<View, 'observation' | 'plan'>): string {
  const pairs = Object.fromEntries([...maps, ...laterMaps].map((key) => [key, [...(observation[key] ?? [])]]))
  const flat = { ...observation, ...pairs, inFlight: [...observation.inFlight] }
  return JSON.stringify({ v: 1, atMs: plan.atMs, observation: flat, steps: plan.steps })
}

/** What tells two rounds apart but the times of their readings: equal for rounds in which nothing has changed. */
export function essenceOf({ observation, plan }: Pick<View, 'observation' | 'plan'>): string {
  const { queue, sites, nodes, breakers, paths, drains } = observation
  const values = [...sites].map(([site, reading]) => [
    site,
    reading.ok ? [reading.value, reading.unread] : reading.code,
  ])
  const read = queue.ok ? queue.value : queue.code
  return JSON.stringify([read, values, nodes, [...breakers], paths?.map(({ state }) => state), drains, plan.steps])
}

/** Reads such a line; a text says why it can't be understood. */
export function decodeRound(line: string): RecordedRound | string {
  const queue = queueOfLine(line)
  if ('broken' in queue) return queue.broken
  const { atMs, observation, steps } = JSON.parse(line) as { [key: string]: unknown }
  if (typeof atMs !== 'number' || !Array.isArray(steps) || !isRecord(observation))
    return 'has no time, plan or observation'
  if (!Array.isArray(observation.nodes) || !Array.isArray(observation.inFlight)) return 'has no nodes'
  const wrong = maps.find((key) => !Array.isArray(observation[key]))
  if (wrong !== undefined) return `has no "${wrong}"`
  const present = [...maps, ...laterMaps.filter((key) => Array.isArray(observation[key]))]
  const decoded = Object.fromEntries(present.map((key) => [key, new Map(observation[key] as [unknown, unknown][])]))
  const nodes = observation.nodes.map((node: object) => ({ ...laterFacts, ...node }))
  const whole = { ...observation, ...decoded, nodes, inFlight: new Set(observation.inFlight) }
  return { atMs, observation: whole as unknown as Observation, steps: steps as Step[] }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
