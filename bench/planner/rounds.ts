import { setImmediate } from 'node:timers/promises'
import type { QueueNode } from '../../src/elastic/plan/demand.ts'
import { nodeName } from '../../src/elastic/plan/policy.ts'
import { openStore } from '../../src/store/open.ts'
import { batchMs, engineOn, type Outside } from './engine.ts'
import { soon } from './measure.ts'
import { absent, quietWorld, working } from './quiet-world.ts'
import { siteNames } from './world.ts'

/** From a wake-up, as a hook gives it, until a site is told to make a machine: without the batch window, ms. */
export async function wakeToCreate(
  file: string,
  size: { jobs: number; nodes: number },
  times: number,
): Promise<number[]> {
  const db = await openStore(file)
  const { config, outside } = await quietWorld(size, db)
  const loop = await engineOn(config, outside, db)
  const spent: number[] = []
  try {
    let atRest = rest(outside)
    loop.start()
    for (const name of freeNames(size.nodes, times)) {
      await soon('the end of the rounds', atRest)
      while (loop.view?.plan.steps.length !== 0) {
        atRest = rest(outside)
        loop.wake()
        await soon('the end of the rounds', atRest)
      }
      const created = new Promise<void>((resolve) => {
        outside.created = () => resolve()
      })
      become(outside, { ...absent(name), power: 'wanted' })
      atRest = rest(outside)
      const began = performance.now()
      loop.wake()
      await soon(`the create of ${name}`, created)
      spent.push(performance.now() - began - batchMs)
      become(outside, working(name))
    }
  } finally {
    await loop.stop()
    await db.destroy()
  }
  return spent
}

/** As many nodes wanted at once: from the wake-up to the first and to the last create, without the batch window, ms. */
export async function wakeToCreates(
  file: string,
  size: { jobs: number; nodes: number },
  count: number,
): Promise<{ firstMs: number; lastMs: number }> {
  const db = await openStore(file)
  const { config, outside } = await quietWorld(size, db)
  const loop = await engineOn(config, outside, db)
  try {
    const atRest = rest(outside)
    loop.start()
    await soon('the end of the rounds', atRest)
    const wanted = new Set(freeNames(size.nodes, count))
    const { jobs, nodes } = outside.queue
    outside.queue = { jobs, nodes: nodes.map((node) => (wanted.has(node.name) ? { ...node, power: 'wanted' } : node)) }
    const times: number[] = []
    const all = new Promise<void>((resolve) => {
      outside.created = () => {
        times.push(performance.now())
        if (times.length === count) resolve()
      }
    })
    const began = performance.now() + batchMs
    loop.wake()
    await soon('the creates', all)
    return { firstMs: (times[0] ?? Number.NaN) - began, lastMs: (times.at(-1) ?? Number.NaN) - began }
  } finally {
    await loop.stop()
    await db.destroy()
  }
}

/** Resolves when the loop has nothing more to do. */
function rest(outside: Outside): Promise<void> {
  return new Promise((resolve) => {
    outside.resting = resolve
  })
}

function become(outside: Outside, node: QueueNode): void {
  const { jobs, nodes } = outside.queue
  outside.queue = { jobs, nodes: nodes.map((other) => (other.name === node.name ? node : other)) }
}

/** Names without a machine, of one site after the other. */
function freeNames(nodes: number, count: number): string[] {
  const sites = siteNames.length
  return Array.from({ length: count }, (_, index) =>
    nodeName(siteNames[index % sites] ?? '', nodes / sites + 1 + Math.floor(index / sites)),
  )
}

/** From the start of a controller on a database with all nodes, until its first plan and the end of its first round, ms; and what the heap holds then, the made-up world included. */
export async function restart(
  file: string,
  size: { jobs: number; nodes: number },
): Promise<{ planMs: number; roundMs: number; heapMiB: number }> {
  const before = await openStore(file)
  const { config, outside } = await quietWorld(size, before)
  await before.destroy()
  const began = performance.now()
  const db = await openStore(file)
  const loop = await engineOn(config, outside, db)
  try {
    let planMs = Number.NaN
    const round = loop.round().then(() => performance.now() - began)
    while (Number.isNaN(planMs)) {
      if (loop.view) planMs = performance.now() - began
      else await setImmediate()
    }
    const roundMs = await round
    return { planMs, roundMs, heapMiB: process.memoryUsage().heapUsed / 2 ** 20 }
  } finally {
    await loop.stop()
    await db.destroy()
  }
}
