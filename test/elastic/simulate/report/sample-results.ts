import type { JobOutcome, LifeOutcome, Sample, SimulationResult } from '../../../../src/elastic/simulate/result.ts'

/** A job that waited 10 s and ran a minute in the site east. */
export function jobOutcome(changes: Partial<JobOutcome> = {}): JobOutcome {
  return {
    id: '1',
    submitMs: 0,
    startMs: 10_000,
    endMs: 70_000,
    nodeCount: 1,
    runMs: 60_000,
    user: 'ann',
    sites: ['east'],
    ...changes,
  }
}

/** A life of an hour, ready after 12 minutes, busy half of the rest. */
export function lifeOutcome(changes: Partial<LifeOutcome> = {}): LifeOutcome {
  return {
    site: 'east',
    type: 'standard',
    beganMs: 0,
    readyMs: 720_000,
    endedMs: 3_600_000,
    busyMs: 1_440_000,
    cost: 0.5,
    failed: false,
    ...changes,
  }
}

export function sample(changes: Partial<Sample> = {}): Sample {
  return { atMs: 0, pendingJobs: 0, pendingNodes: 0, runningJobs: 0, nodes: {}, cost: 0, ...changes }
}

export function simulationResult(changes: Partial<SimulationResult> = {}): SimulationResult {
  return {
    policy: 'default',
    trace: 'a trace',
    endedMs: 7_200_000,
    jobs: [jobOutcome()],
    lives: [lifeOutcome()],
    samples: [sample()],
    rounds: 1,
    ...changes,
  }
}
