import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { CausewayError } from '../src/base/errors.ts'
import { labFolder, labsFolder } from './clean-up.ts'

/**
 * Refuses when a lab of this name is in use by another process that is alive. One whose owner has ended (it crashed, or
 * `lab up` left it for others) is free to be replaced.
 * @throws CausewayError `Conflict`
 */
export function refuseIfOwned(lab: string): void {
  const [pid, startTime] = readOwner(lab)
  if (pid === undefined || pid === process.pid || startTimeOf(pid) !== startTime) return
  throw new CausewayError('Conflict', `the lab "${lab}" is in use by process ${pid}: wait for its end, or end it`)
}

/** Notes this process as the one that uses the lab. */
export function own(lab: string): void {
  mkdirSync(labFolder(lab), { recursive: true, mode: 0o700 })
  writeFileSync(`${labFolder(lab)}/owner`, `${process.pid} ${startTimeOf(process.pid)}\n`)
}

/** Keeps the lab from being tied to this process, which is about to leave it to others. */
export function disown(lab: string): void {
  writeFileSync(`${labFolder(lab)}/owner`, '')
}

/** Labs whose owner has ended without taking them down or leaving them to others. */
export function crashedLabs(): string[] {
  const labs = existsSync(labsFolder) ? readdirSync(labsFolder) : []
  return labs.filter((lab) => {
    const [pid, startTime] = readOwner(lab)
    return pid !== undefined && startTimeOf(pid) !== startTime
  })
}

function readOwner(lab: string): [number?, string?] {
  try {
    const [pid, startTime] = readFileSync(`${labFolder(lab)}/owner`, 'utf8')
      .trim()
      .split(' ')
    return pid && startTime ? [Number(pid), startTime] : []
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** Field 22 of proc(5)'s stat: with the PID it names a process for good. Empty when there is none. */
function startTimeOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
  }
}
