import { nodeName } from '../../src/elastic/plan/policy.ts'
import type { Random } from './random.ts'
import { type FaultKind, pathFaultKinds, type Scenario } from './scenario.ts'
import { queueWay } from './weather.ts'
import type { World } from './world.ts'

/** How old the state is that a restarted scheduler may begin with, ms. */
const savedAgoMs = 5000

/** Submits the scenario's jobs and lets things go wrong that no call is needed for, until its troubles are over. */
export function unleash(world: World, scenario: Scenario, random: Random): void {
  submitJobs(world, scenario)
  const { clock, sites } = world

  /** Some times at which something begins, with how long it lasts. */
  const moments: Moments = (kind, count, longestMs, begin) => {
    if (!scenario.faults.has(kind)) return
    const stream = random.stream(kind)
    for (let i = stream.int(1, count); i > 0; i--) {
      const lastsMs = stream.int(200, longestMs)
      clock.after(stream.int(0, scenario.troubledMs - 1), () => begin(stream, lastsMs))
    }
  }
  const cutFor = (way: string, lastsMs: number, network: boolean) => {
    if (world.weather.closed.has(way)) return
    world.cut(way, network)
    clock.after(lastsMs, () => world.mend(way))
  }

  moments('ssh-cut', 3, 40_000, (stream, lastsMs) => cutFor(stream.pick(sites), lastsMs, false))
  moments('site-cut', 2, 40_000, (stream, lastsMs) => cutFor(stream.pick(sites), lastsMs, true))
  moments('scheduler-away', 3, 25_000, (_, lastsMs) => cutFor(queueWay, lastsMs, false))
  moments('no-capacity', 3, 30_000, (stream, lastsMs) => {
    const at = world.drivers.get(stream.pick(sites))?.at
    if (!at) return
    at.capacity = stream.int(0, 1)
    clock.after(lastsMs, () => {
      at.capacity = Infinity
    })
  })
  for (const kind of ['power-cut', 'vanish'] as const) {
    moments(kind, 5, 1000, (stream) => {
      const bodies = [...world.machines.bodies.values()]
      if (bodies.length === 0) return
      const { site, id } = stream.pick(bodies)
      world.loseMachine(site, id, kind === 'vanish')
    })
  }
  moments('strays', 2, 1000, (stream) => {
    const { site, prefix } = stream.pick(world.policy.types)
    world.addStray(site, nodeName(prefix, stream.int(1, 3)))
  })
  moments('scheduler-restart', 4, savedAgoMs, (_, agoMs) => {
    const restore = world.scheduler.checkpoint()
    clock.after(agoMs, () => world.restartScheduler(restore))
  })
  moments('admin-drains', 4, 30_000, (stream, lastsMs) => {
    const { nodes } = world.scheduler.peek()
    const name = nodes.length > 0 ? stream.pick(nodes).name : ''
    if (name === '' || world.adminDrains.has(name)) return
    world.adminDrain(name, `disk ${stream.int(1, 99)} looks bad`)
    clock.after(lastsMs, () => world.adminUndrain(name))
  })
  moments('user-holds', 4, 20_000, (stream, lastsMs) => {
    const pending = world.scheduler.peek().jobs.filter(({ state, blocked }) => state === 'pending' && blocked === null)
    if (pending.length === 0) return
    const { id } = stream.pick(pending)
    world.log(`the user holds job ${id}`)
    world.scheduler.userHold(id)
    clock.after(lastsMs, () => world.letGo(id))
  })
  const ends = ['head', ...sites]
  for (const kind of pathFaultKinds) {
    moments(kind, 4, 40_000, (stream, lastsMs) => {
      const from = stream.pick(ends)
      const to = stream.pick(ends.filter((end) => end !== from))
      const state = kind === 'path-broken' ? 'broken' : kind === 'path-unknown' ? 'unknown' : 'good'
      const how = { state, loss: kind === 'path-lossy' ? 0.2 : 0 } as const
      world.worsen(from, to, how)
      if (stream.chance(0.7)) world.worsen(to, from, how)
      clock.after(lastsMs, () => world.mendPath(from, to))
    })
  }
  troublePools(world, scenario, moments)
  clock.after(scenario.troubledMs, () => calm(world))
}

type Moments = (
  kind: FaultKind,
  count: number,
  longestMs: number,
  begin: (stream: Random, lastsMs: number) => void,
) => void

/** What happens to hosts of pools, and machines that their sites want back. */
function troublePools(world: World, { pools }: Scenario, moments: Moments): void {
  const { clock, sites } = world
  const hosts = [...pools].flatMap(([site, names]) => names.map((host) => ({ site, host })))
  for (const kind of ['host-dark', 'host-cut', 'host-reboot', 'host-lost'] as const) {
    moments(kind, 3, 40_000, (stream, lastsMs) => {
      if (hosts.length === 0) return
      const { site, host } = stream.pick(hosts)
      if (!world.darken(site, host, kind !== 'host-dark')) return
      if (kind === 'host-reboot' || kind === 'host-lost') world.loseHost(site, host, kind === 'host-lost')
      clock.after(lastsMs, () => world.lighten(site, host))
    })
  }
  moments('leave-notices', 5, 30_000, (stream, lastsMs) => {
    const bodies = [...world.machines.bodies.values()]
    if (bodies.length > 0) world.announce(stream.pick(bodies), lastsMs, stream.chance(0.25))
  })
  moments('site-drains', 2, 40_000, (stream, lastsMs) => {
    const site = stream.pick(sites)
    if (world.drain(site, null)) clock.after(lastsMs, () => world.undrain(site, null))
  })
  moments('host-drains', 3, 40_000, (stream, lastsMs) => {
    if (hosts.length === 0) return
    const { site, host } = stream.pick(hosts)
    if (world.drain(site, host)) clock.after(lastsMs, () => world.undrain(site, host))
  })
}

/** Everything is well again and nobody interferes. */
function calm(world: World): void {
  world.log('the troubles are over')
  for (const way of world.weather.closed) world.mend(way)
  for (const name of world.adminDrains.keys()) world.adminUndrain(name)
  for (const { site, host } of world.drains.values()) world.undrain(site, host)
  for (const [site, { at }] of world.drivers) for (const host of at.dark) world.lighten(site, host)
  for (const { id, blocked } of world.scheduler.peek().jobs) if (blocked === 'Held') world.letGo(id)
  for (const { from, to } of world.paths()) world.mendPath(from, to)
  for (const { at } of world.drivers.values()) at.capacity = Infinity
  world.controller?.fuse.disarm()
}

function submitJobs(world: World, { jobs }: Scenario): void {
  const { clock, scheduler } = world
  for (const { atMs, heldUntilMs, cancelAtMs, ...job } of jobs) {
    clock.after(atMs, () => {
      const id = scheduler.submit({ ...job, held: heldUntilMs !== null })
      if (heldUntilMs !== null) clock.after(heldUntilMs - atMs, () => world.letGo(id))
      if (cancelAtMs !== null) clock.after(cancelAtMs - atMs, () => scheduler.cancel(id))
    })
  }
}
