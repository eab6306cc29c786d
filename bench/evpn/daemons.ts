import { readFileSync } from 'node:fs'
import { must } from '../../lab/process.ts'

/** What FRR's daemons of one gateway take. */
export interface Taken {
  /** Processor time since they were started, ms. */
  readonly cpuMs: number
  /** Memory that is theirs alone, and their part of what they share, MiB. */
  readonly memoryMiB: number
}

/** Clock ticks per second of /proc/PID/stat: 100 on every Linux (USER_HZ). */
const msPerTick = 10

/** What zebra and bgpd in a network namespace have taken so far. @throws Error when they are not two. */
export async function taken(netns: string): Promise<Taken> {
  const pids = (await must(['ip', 'netns', 'pids', netns])).split('\n').filter((pid) => pid !== '')
  const daemons = pids.filter((pid) => ['zebra', 'bgpd'].includes(read(pid, 'comm').trim()))
  if (daemons.length !== 2) throw new Error(`${netns}: ${daemons.length} daemons`)
  const sum = (of: (pid: string) => number) => daemons.reduce((total, pid) => total + of(pid), 0)
  return { cpuMs: sum(cpuMs), memoryMiB: sum(memoryMiB) }
}

function cpuMs(pid: string): number {
  // proc(5): utime and stime are the fields 14 and 15; the second one is a name in brackets.
  const fields = read(pid, 'stat').split(') ').at(-1)?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * msPerTick
}

function memoryMiB(pid: string): number {
  return Number(/^Pss:\s+(\d+) kB$/m.exec(read(pid, 'smaps_rollup'))?.[1]) / 1024
}

function read(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return '' // it ended while we looked
  }
}
