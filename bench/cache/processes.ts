import { readdirSync, readFileSync } from 'node:fs'

/** Clock ticks per second of /proc/PID/stat: 100 on every Linux (USER_HZ). */
const ticksPerSecond = 100

/** A process with all that it started, as far as they still run. */
export function treeOf(root: number): readonly number[] {
  const children = new Map<number, number[]>()
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const parent = Number(fields(Number(entry))[1])
    children.set(parent, [...(children.get(parent) ?? []), Number(entry)])
  }
  const tree = [root]
  for (const pid of tree) tree.push(...(children.get(pid) ?? []))
  return tree
}

/** Seconds of processor time that a process and all that it started have taken. */
export function cpuSeconds(root: number): number {
  const ticks = treeOf(root).map((pid) => {
    // proc(5), counted from field 3, the state: utime 14, stime 15; of children that ended, cutime 16, cstime 17.
    const all = fields(pid)
    return [11, 12, 13, 14].reduce((sum, field) => sum + Number(all[field] ?? 0), 0)
  })
  return ticks.reduce((sum, each) => sum + each, 0) / ticksPerSecond
}

/** MiB of memory in use by a process and all that it started; what several of them share counts once for each. */
export function residentMiB(root: number): number {
  const each = treeOf(root).map((pid) => Number(/^VmRSS:\s+(\d+) kB/m.exec(read(pid, 'status'))?.[1] ?? 0))
  return each.reduce((sum, kilobytes) => sum + kilobytes, 0) / 1024
}

/** Fields of `stat` from the third on, which no program's name can disturb; none for a process that has ended. */
function fields(pid: number): readonly string[] {
  const stat = read(pid, 'stat')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return '' // it has just ended
  }
}
