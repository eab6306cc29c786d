import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { CausewayError } from '../src/base/errors.ts'
import { must, run } from './process.ts'
import { until } from './until.ts'

/** Holds a folder for each lab. */
export const labsFolder = '/run/causeway-lab'

/**
 * The folder that holds everything of a lab but its namespaces and processes; `disk` below it is a tmpfs.
 * @throws CausewayError `InvalidRequest` for a name that can't be a part of namespaces' names.
 */
export function labFolder(lab: string): string {
  if (!/^[a-z][a-z0-9]{0,11}$/.test(lab)) {
    throw new CausewayError('InvalidRequest', `lab name "${lab}": up to 12 lower-case letters and digits, please`)
  }
  return `${labsFolder}/${lab}`
}

/** The device name of the tmpfs that a lab's hosts have their files on, by which their mounts are known. */
export function diskName(lab: string): string {
  return `cwlab-${lab}`
}

/** The named network namespaces of a lab. Names of labs have no hyphen, so no lab's prefix is another one's. */
async function namespacesOf(lab: string): Promise<string[]> {
  labFolder(lab)
  const listed = await must(['ip', 'netns', 'list'])
  const names = listed.split('\n').map((line) => line.split(' ')[0] ?? '')
  return names.filter((name) => name.startsWith(`cw-${lab}-`))
}

/** Processes of this machine that live in a network namespace: a host's PID 1 and daemons, a cable. */
async function processesIn(netns: string): Promise<number[]> {
  const { stdout } = await run(['ip', 'netns', 'pids', netns])
  return stdout.split('\n').filter(Boolean).map(Number)
}

/** Mount points in a lab's folder, innermost last. */
function mountsOf(lab: string): string[] {
  const points = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
  return points.filter((point) => point.startsWith(`${labFolder(lab)}/`))
}

/**
 * Removes everything that a lab of this name has left on this machine, whoever made it and however that ended. What
 * belongs to a lab is known by the namespaces that carry its name: processes are found by being in one of them (a
 * machine's processes die with the PID namespace of their site host), so nothing that was not recorded can be missed
 * and no recycled PID be hit.
 */
export async function cleanUp(lab: string): Promise<void> {
  const namespaces = await namespacesOf(lab)
  await Promise.all(
    namespaces.map(async (netns) => {
      await until(`processes of ${netns} are gone`, 120_000, async () => {
        const pids = await processesIn(netns)
        pids.forEach(kill)
        return pids.length === 0
      })
      await must(['ip', 'netns', 'del', netns])
    }),
  )
  for (const point of mountsOf(lab).toReversed()) {
    await until(`${point} is unmounted`, 120_000, async () => (await run(['umount', point])).code === 0)
  }
  rmSync(labFolder(lab), { recursive: true, force: true })
}

/** What of a lab is on this machine, one line each; nothing after `cleanUp`. */
export async function leftovers(lab: string): Promise<string[]> {
  const found: string[] = []
  const pids = new Set<number>()
  for (const netns of await namespacesOf(lab)) {
    found.push(`network namespace ${netns}`)
    for (const pid of await processesIn(netns)) pids.add(pid)
  }
  for (const entry of readdirSync('/proc')) {
    if (/^\d+$/.test(entry) && isMachineOf(lab, Number(entry))) pids.add(Number(entry))
  }
  for (const pid of pids) found.push(`process ${pid}: ${commandLine(pid)}`)
  for (const point of mountsOf(lab)) found.push(`mount ${point}`)
  if (existsSync(labFolder(lab))) found.push(`folder ${labFolder(lab)}`)
  return found
}

/**
 * Whether a process is in the mount namespace of one of the lab's hosts or machines. (Any mount namespace made while the
 * lab was up may hold a copy of the disk at its own place; that alone means nothing.)
 */
function isMachineOf(lab: string, pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/mountinfo`, 'utf8')
      .split('\n')
      .some(
        (line) =>
          (line.includes(` ${diskName(lab)} `) || line.includes(`=${labFolder(lab)}/disk/`)) &&
          !(line.split(' ')[4] ?? '').startsWith(labFolder(lab)),
      )
  } catch {
    return false // it ended while we looked
  }
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim().slice(0, 80)
  } catch {
    return 'ended'
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
