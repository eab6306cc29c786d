import { mkdirSync } from 'node:fs'
import { nameServiceFiles } from '../../lab/accounts.ts'
import { cleanUp, diskName, labFolder } from '../../lab/clean-up.ts'
import { LabHost } from '../../lab/host.ts'
import { own, refuseIfOwned } from '../../lab/owner.ts'
import { must } from '../../lab/process.ts'
import { bridgeName, memberMac } from '../../src/network/addressing.ts'
import { applyGateway, applyOverlay } from '../../src/network/apply.ts'
import type { Member, Overlay } from '../../src/network/overlay.ts'
import { median } from '../planner/measure.ts'
import { alone, type BenchRow } from '../report.ts'
import { spent } from '../schedulers/processor.ts'
import { bareOverlay, gateway } from './ours.ts'
import { RoundTripHost } from './round-trip-host.ts'
import { lab, netnsOf } from './wan.ts'

const manyGateways = 50
const nodesEach = 20
const manyNodes = 10_000

const vni = 83

/**
 * What a node more means for 50 gateways with 1,000 nodes, and what 10,000 nodes mean for one: on gateways that are namespaces
 * of this machine, without SSH between them and us.
 */
export async function scaleRows(): Promise<BenchRow[]> {
  refuseIfOwned(lab)
  await cleanUp(lab)
  own(lab)
  const disk = `${labFolder(lab)}/disk`
  mkdirSync(disk)
  await must(['mount', '-t', 'tmpfs', '-o', 'mode=0755', diskName(lab), disk])
  const hosts = new Map<string, RoundTripHost>()
  for (let k = 0; k < manyGateways; k += 1) hosts.set(`g${k}`, new RoundTripHost(await makeHost(`g${k}`, disk)))
  try {
    return [...(await moreRows(hosts)), ...(await fromNothingRows(new RoundTripHost(await makeHost('one', disk))))]
  } finally {
    await cleanUp(lab)
  }
}

/** A node is added, three times; each is a new one at another gateway. */
async function moreRows(hosts: ReadonlyMap<string, RoundTripHost>): Promise<BenchRow[]> {
  const overlay = overlayOf(manyGateways, (k) => nodesOf(k, nodesEach))
  const apply = (wanted: Overlay) => applied(wanted, hosts)
  await apply(overlay)
  await apply(overlay)
  const idle = await measured(hosts, () => apply(overlay))
  const runs: Measured[] = []
  let whole = overlay
  for (let k = 0; k < 3; k += 1) {
    const added = { ...node(k, 100), port: 'cwp000000ff' }
    const host = hosts.get(added.gateway)
    await host?.exec(['ip', 'link', 'add', 'cwp000000ff', 'type', 'veth', 'peer', 'name', 'far'])
    await host?.exec(['ip', 'link', 'set', 'cwp000000ff', 'master', bridgeName(vni), 'up'])
    whole = { ...whole, members: [...whole.members, added] }
    runs.push(await measured(hosts, () => apply(whole)))
  }
  // One gateway by itself, as each is when it is a machine of its own.
  const alones: number[] = []
  for (const [name, host] of [...hosts].slice(10, 20)) {
    const more = { ...whole, members: [...whole.members, node(5, 101)] }
    const began = performance.now()
    await applyGateway(host, more, name)
    alones.push(performance.now() - began)
  }
  const of = (pick: (run: Measured) => number) => median(runs.map(pick))
  const name = `a node more, ${manyGateways} gateways, ${manyGateways * nodesEach} nodes`
  const row = (what: string, unit: string, ours: number, goal: number | null) =>
    alone({ case: `${name}: ${what}`, unit, ours, goal })
  return [
    row(
      'batches that write',
      'of a program a gateway',
      of(({ commands }) => batches(idle.commands, commands)),
      1,
    ),
    row(
      'commands in all',
      'a gateway',
      of(({ commands }) => total(commands)),
      null,
    ),
    row(
      'round trips in all',
      'a gateway',
      of(({ trips }) => trips),
      null,
    ),
    row('work of its commands', 'CPU ms a gateway', of(({ theirMs }) => theirMs) / manyGateways, 100),
    row("one gateway alone, the controller's work included", 'ms', median(alones), null),
    row(
      "the controller's work for all",
      'CPU ms',
      of(({ ownMs }) => ownMs),
      null,
    ),
    row('until all have it, on this one machine', 's', of(({ ms }) => ms) / 1000, null),
    row("the controller's work when nothing differs", 'CPU ms', idle.ownMs, null),
  ]
}

async function fromNothingRows(host: RoundTripHost): Promise<BenchRow[]> {
  const overlay = overlayOf(2, (k) => (k === 1 ? nodesOf(1, manyNodes) : []))
  const hosts = new Map([['g0', host]])
  const apply = () => applyGateway(host, overlay, 'g0')
  const first = await measured(hosts, apply)
  const again = await measured(hosts, async () => {
    const report = await apply()
    if (report.commands.length > 0) throw new Error(`not all was there: ${report.commands.slice(0, 3).join('; ')}`)
  })
  const name = `${manyNodes} nodes elsewhere, one gateway`
  return [
    alone({ case: `${name}: from nothing`, unit: 's', ours: first.ms / 1000, goal: 5 }),
    alone({ case: `${name}: the controller's work for that`, unit: 'CPU ms', ours: first.ownMs, goal: null }),
    alone({ case: `${name}: looking when nothing differs`, unit: 's', ours: again.ms / 1000, goal: null }),
  ]
}

interface Measured {
  readonly ms: number
  /** Processor time of this process, ms. */
  readonly ownMs: number
  /** Processor time of the commands, ms. */
  readonly theirMs: number
  /** By program, the most that any gateway was told. */
  readonly commands: ReadonlyMap<string, number>
  readonly trips: number
}

async function measured(hosts: ReadonlyMap<string, RoundTripHost>, act: () => Promise<unknown>): Promise<Measured> {
  for (const host of hosts.values()) host.reset()
  const from = spent()
  await act()
  const to = spent()
  const commands = new Map<string, number>()
  for (const host of hosts.values()) {
    for (const [program, count] of host.programs) commands.set(program, Math.max(commands.get(program) ?? 0, count))
  }
  return {
    ms: to.atMs - from.atMs,
    ownMs: 1000 * (to.own - from.own),
    theirMs: 1000 * (to.commands - from.commands),
    commands,
    trips: Math.max(...[...hosts.values()].map(({ trips }) => trips)),
  }
}

/** What was told beyond a look at which nothing differed: of the program that was told most. */
function batches(idle: ReadonlyMap<string, number>, busy: ReadonlyMap<string, number>): number {
  return Math.max(...[...busy].map(([program, count]) => count - (idle.get(program) ?? 0)))
}

function total(commands: ReadonlyMap<string, number>): number {
  return [...commands.values()].reduce((sum, count) => sum + count, 0)
}

async function applied(overlay: Overlay, hosts: ReadonlyMap<string, RoundTripHost>): Promise<void> {
  const hostOf = (name: string) => hosts.get(name) ?? new Error(`no host ${name}`)
  const reports = await applyOverlay(overlay, ({ name }) => {
    const host = hostOf(name)
    if (host instanceof Error) throw host
    return host
  })
  for (const report of reports.values()) {
    if (report instanceof Error) throw report
    if (report.missing.length > 0) throw new Error(`missing: ${report.missing.slice(0, 3).join('; ')}`)
  }
}

function overlayOf(gateways: number, members: (k: number) => readonly Member[]): Overlay {
  const each = Array.from({ length: gateways }, (_, k) => k)
  return {
    ...bareOverlay(vni, '10.0.0.0/8'),
    gateways: each.map((k) => gateway(`g${k}`, `10.250.${k}.2`, `10.${k}.255.254`)),
    members: each.flatMap(members),
  }
}

function nodesOf(gateway: number, count: number): Member[] {
  return Array.from({ length: count }, (_, index) => node(gateway, index + 1))
}

/** The n-th node behind the k-th gateway. */
function node(k: number, n: number): Member {
  const address = `10.${k}.${Math.floor(n / 250)}.${(n % 250) + 1}`
  const port = `cwp${(k * 65_536 + n).toString(16).padStart(8, '0')}`
  return { name: `g${k}-${n}`, address, address6: null, mac: memberMac(address), gateway: `g${k}`, port, fixed: false }
}

async function makeHost(name: string, disk: string): Promise<LabHost> {
  const netns = netnsOf(name)
  await must(['ip', 'netns', 'add', netns])
  await must(['ip', '-n', netns, 'link', 'set', 'lo', 'up'])
  const host = new LabHost({ name, netns, folder: `${disk}/${name}`, files: nameServiceFiles({}) })
  await host.powerOn()
  return host
}
