import { alone, type BenchRow, type BenchTable } from '../report.ts'
import { firstAfter } from './ping.ts'
import { Pinging, type Sites } from './sites.ts'

const pauseMs = 20

/** How long after the cut's end we wait for the last one, ms. */
const patienceMs = 60_000

/** Seconds from the end of a cut to the first answer to a ping, by path; undefined: none came while we waited. */
export type Recovery = ReadonlyMap<string, number | undefined>

/** Cuts the line for all paths at once. */
export async function measureCut(sites: Sites, seconds: number): Promise<Recovery> {
  const pinging = new Map([sites.raw, ...sites.paths].map((path) => [path.name, new Pinging(path, pauseMs)]))
  try {
    await pause(1000)
    await sites.wan.cable.down()
    await pause(seconds * 1000)
    const healed = Date.now()
    await sites.wan.cable.up()
    const firsts = () => [...pinging].map(([name, one]) => [name, firstAfter(one.replies, healed)] as const)
    while (Date.now() < healed + patienceMs && firsts().some(([, first]) => first === undefined)) await pause(200)
    return new Map(firsts().map(([name, ms]) => [name, ms === undefined ? undefined : ms / 1000]))
  } finally {
    for (const one of pinging.values()) await one.end()
  }
}

export function cutRows(seconds: number, all: Recovery): BenchRow[] {
  return [...all]
    .filter(([name]) => name === 'plain' || name === 'encrypted')
    .map(([name, first]) =>
      alone({
        case: `${name}: first answer after a cut of ${seconds} s`,
        unit: 's',
        ours: first ?? patienceMs / 1000,
        goal: 1,
      }),
    )
}

export function cutTable(seconds: number, all: Recovery): BenchTable {
  const rows = [...all].map(([name, first]) => [
    name,
    first === undefined ? `none in ${patienceMs / 1000}` : first.toFixed(2),
  ])
  return { title: `First answer after a cut of ${seconds} s`, columns: ['', 's'], rows }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
