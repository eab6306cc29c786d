import type { LabHost } from '../../lab/host.ts'
import { must } from '../../lab/process.ts'
import { until } from '../../lab/until.ts'
import type { QueueSnapshot } from '../../src/elastic/plan/demand.ts'
import type { Scheduler } from '../../src/elastic/scheduler.ts'
import type { RigJob } from './scheduler-contract.ts'

/**
 * The network of a rig: one switch, and a line from it to every host, in namespaces `cw-LAB-HOST`.
 * @param addresses IPv4 address by host
 */
export async function wireHosts(lab: string, addresses: Readonly<Record<string, string>>): Promise<void> {
  const netns = (host: string) => `cw-${lab}-${host}`
  for (const host of ['switch', ...Object.keys(addresses)]) {
    await must(['ip', 'netns', 'add', netns(host)])
    await must(['ip', '-n', netns(host), 'link', 'set', 'lo', 'up'])
  }
  const onSwitch = ['link add br0 type bridge forward_delay 0 stp_state 0', 'link set br0 up']
  for (const host of Object.keys(addresses)) {
    onSwitch.push(`link add ${host} type veth peer name eth0 netns ${netns(host)}`, `link set ${host} master br0 up`)
  }
  await must(['ip', '-n', netns('switch'), '-batch', '-'], { stdin: `${onSwitch.join('\n')}\n` })
  for (const [host, address] of Object.entries(addresses)) {
    const lines = `addr add ${address}/24 dev eth0\nlink set eth0 up\n`
    await must(['ip', '-n', netns(host), '-batch', '-'], { stdin: lines })
  }
}

/** Seconds that a job sleeps; `lasting` where it runs until it is finished. */
export function secondsOf(runMs: RigJob['runMs'] & {}, lasting = 600): number {
  return runMs === 'until finished' ? lasting : runMs / 1000
}

/** Ends the job that sleeps on one of these hosts, as soon as it does: a job that runs may still be about to. */
export async function endSleep(hosts: readonly LabHost[]): Promise<void> {
  await until('a job sleeps', 120_000, async () => {
    const powered = hosts.filter(({ pid }) => pid !== 0)
    const ends = await Promise.all(powered.map((host) => host.exec(['pkill', '--exact', '--euid', 'alice', 'sleep'])))
    return ends.some(({ code }) => code === 0)
  })
}

/** Looks at a real queue until it is as said; when it never is, the error has the queue as it was last. */
export async function untilQueue(
  scheduler: Pick<Scheduler, 'snapshot'>,
  what: string,
  holds: (queue: QueueSnapshot) => boolean,
): Promise<QueueSnapshot> {
  let last: QueueSnapshot | undefined
  try {
    return await until(what, 120_000, async () => {
      last = await scheduler.snapshot()
      return holds(last) && last
    })
  } catch (cause) {
    throw new Error(`${what}: not so; the queue is ${JSON.stringify(last, null, 1)}`, { cause })
  }
}
