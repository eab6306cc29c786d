import { must } from '../../lab/process.ts'
import { until } from '../../lab/until.ts'
import type { QueueSnapshot } from '../../src/elastic/plan/demand.ts'
import type { Scheduler } from '../../src/elastic/scheduler.ts'

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

/** Looks at a real queue until it is as said; when it never is, the error has the queue as it was last. */
export async function untilQueue(
  scheduler: Pick<Scheduler, 'snapshot'>,
  what: string,
  limitMs: number,
  holds: (queue: QueueSnapshot) => boolean,
): Promise<QueueSnapshot> {
  let last: QueueSnapshot | undefined
  try {
    return await until(what, limitMs, async () => {
      last = await scheduler.snapshot()
      return holds(last) && last
    })
  } catch (cause) {
    throw new Error(`${what}: not so; the queue is ${JSON.stringify(last, null, 1)}`, { cause })
  }
}
