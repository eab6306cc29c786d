import { readFileSync } from 'node:fs'

/** Clock ticks per second of /proc/PID/stat: 100 on every Linux (USER_HZ). */
const ticksPerSecond = 100

/** Seconds of processor time of this process since its start, and of the commands that it ran and that have ended. */
export interface Spent {
  readonly atMs: number
  readonly own: number
  readonly commands: number
}

export function spent(): Spent {
  const { user, system } = process.cpuUsage()
  // proc(5): fields 16 and 17, cutime and cstime; the second field is a name in brackets.
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1)?.split(' ') ?? []
  const commands = (Number(fields[13]) + Number(fields[14])) / ticksPerSecond
  return { atMs: performance.now(), own: (user + system) / 1e6, commands }
}

/** Shares of one core between two moments, percent. */
export function shares(from: Spent, to: Spent): { own: number; commands: number } {
  const seconds = (to.atMs - from.atMs) / 1000
  return { own: (100 * (to.own - from.own)) / seconds, commands: (100 * (to.commands - from.commands)) / seconds }
}
