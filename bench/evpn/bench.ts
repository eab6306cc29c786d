import { parseArgs } from 'node:util'
import { must } from '../../lab/process.ts'
import { until } from '../../lab/until.ts'
import { systemClock } from '../../src/base/clock.ts'
import { NetworkKeeper } from '../../src/elastic/network-keeper.ts'
import { vxlanName } from '../../src/network/addressing.ts'
import { applyGateway } from '../../src/network/apply.ts'
import type { Member, Overlay, OverlayMode } from '../../src/network/overlay.ts'
import { median } from '../planner/measure.ts'
import { alone, type BenchReport, type BenchRow, type BenchTable } from '../report.ts'
import { spent } from '../schedulers/processor.ts'
import { type Taken, taken } from './daemons.ts'
import { gatewayName, lan, memberOf, overlayOf, Star, spread, vni } from './star.ts'
import { Watch } from './watch.ts'

export const usage = `  -- --gateways 16   the most gateways; less are measured too
  -- --members 1000  how many are told at once`

const evpn: OverlayMode = { kind: 'evpn', asn: 64_512, reflectors: ['head'] }

/** What one number of gateways came to. */
interface Result {
  readonly gateways: number
  readonly members: number
  /** Memory of zebra and bgpd, MiB, at the reflector and at another gateway: at first, and with all members. */
  readonly memory: {
    readonly head: number
    readonly other: number
    readonly headFull: number
    readonly otherFull: number
  }
  /** One MAC more: ms until the last gateway has it, and processor time for it at all gateways together. */
  readonly oneMore: { readonly ms: number; readonly cpuMs: number }
  /** All members at once: s until the last gateway has the last, and processor ms. */
  readonly all: { readonly seconds: number; readonly headCpuMs: number; readonly otherCpuMs: number }
  /** Per cent of a core while nothing happens. */
  readonly idle: { readonly head: number; readonly other: number }
  /** A member more by the controller, in both modes. */
  readonly byController: Readonly<Record<'evpn' | 'static', ByController>>
}

interface ByController {
  /** Gateways that were asked something: a connection each. */
  readonly asked: number
  /** Gateways that something was written at. */
  readonly written: number
  /** Processor time of the commands at all gateways, and of the controller, ms. */
  readonly commandsMs: number
  readonly ownMs: number
}

/** BGP EVPN beside static entries, over more and more gateways. */
export async function run(argv: readonly string[]): Promise<BenchReport> {
  const { values } = parseArgs({
    args: [...argv],
    options: { gateways: { type: 'string', default: '16' }, members: { type: 'string', default: '1000' } },
  })
  const [most, members] = [whole('gateways', values.gateways, 2, 200), whole('members', values.members, 1, 20_000)]
  Star.claim()
  const interrupted = () => void Star.remove().finally(() => process.exit(130))
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted)
  const results: Result[] = []
  try {
    const counts = [4, 8, 16, 32, 64, 128].filter((count) => count < most)
    for (const count of [...counts, most]) results.push(await measure(count, members))
  } finally {
    await Star.remove()
  }
  return { name: 'evpn', rows: results.flatMap(rowsOf), tables: tablesOf(results) }
}

async function measure(gateways: number, count: number): Promise<Result> {
  const star = await Star.up(gateways)
  const names = [...star.hosts.keys()]
  const watch = await Watch.start(
    names.map((name) => star.netns(name)),
    vxlanName(vni),
  )
  try {
    const bare = overlayOf(evpn, gateways, [])
    const bridges = bare.gateways.map(({ name, mac }) => ({ gateway: name, mac }))
    const meshed = watch.all(wantedOf(star, bridges), 120_000)
    await star.apply(bare)
    await star.plug()
    await meshed
    const take = () => Promise.all(names.map((name) => taken(star.netns(name))))
    const idleFrom = { atMs: performance.now(), taken: await take() }
    await new Promise((resolve) => setTimeout(resolve, 10_000))
    const idleTo = { atMs: performance.now(), taken: await take() }
    const idle = (k: number) =>
      (100 * (at(idleTo.taken, k).cpuMs - at(idleFrom.taken, k).cpuMs)) / (idleTo.atMs - idleFrom.atMs)

    const oneMore = await measureOneMore(star, watch, take)

    const members = spread(gateways, count)
    const full = overlayOf(evpn, gateways, members)
    const before = await take()
    const began = performance.now()
    await star.apply(full)
    await haveAll(wantedOf(star, members))
    const seconds = (performance.now() - began) / 1000
    const after = await take()
    const byEvpn = await byController(star, full)
    const result: Result = {
      gateways,
      members: count,
      memory: {
        head: at(before, 0).memoryMiB,
        other: at(before, 1).memoryMiB,
        headFull: at(after, 0).memoryMiB,
        otherFull: at(after, 1).memoryMiB,
      },
      oneMore,
      all: {
        seconds,
        headCpuMs: at(after, 0).cpuMs - at(before, 0).cpuMs,
        otherCpuMs: at(after, 1).cpuMs - at(before, 1).cpuMs,
      },
      idle: { head: idle(0), other: idle(1) },
      byController: { evpn: byEvpn, static: await byController(star, { ...full, mode: { kind: 'static' } }) },
    }
    return result
  } finally {
    await watch.stop()
  }
}

/** Resolves when each namespace has its MACs; asks, because a monitor loses some of so many. */
async function haveAll(wanted: ReadonlyMap<string, readonly string[]>): Promise<void> {
  for (const [netns, macs] of wanted) {
    await until(`${netns} has ${macs.length} MACs`, 300_000, async () => {
      const shown = await must(['ip', 'netns', 'exec', netns, 'bridge', 'fdb', 'show', 'dev', vxlanName(vni)])
      const present = new Set([...shown.matchAll(/^(\S+) dst /gm)].map((found) => found[1]))
      return macs.every((mac) => present.has(mac))
    })
  }
}

/** A MAC appears at one gateway, without the controller: how soon the last of the others has it. */
async function measureOneMore(star: Star, watch: Watch, take: () => Promise<Taken[]>): Promise<Result['oneMore']> {
  const runs: { ms: number; cpuMs: number }[] = []
  for (let n = 0; n < 5; n += 1) {
    const { mac, gateway } = memberOf(1, 5000 + n)
    const before = await take()
    const told = watch.all(wantedOf(star, [{ mac, gateway }]), 60_000)
    const began = performance.now()
    await star.host(gateway).exec(['bridge', 'fdb', 'replace', mac, 'dev', lan, 'master', 'static', 'sticky'])
    const ms = (await told) - began
    const after = await take()
    runs.push({ ms, cpuMs: sumOf(after) - sumOf(before) })
    await star.host(gateway).exec(['bridge', 'fdb', 'del', mac, 'dev', lan, 'master'])
  }
  return { ms: median(runs.map((one) => one.ms)), cpuMs: median(runs.map((one) => one.cpuMs)) }
}

/** The controller adds a member: whom it asks, what it writes, and what that costs. The median of three. */
async function byController(star: Star, overlay: Overlay): Promise<ByController> {
  const names = [...star.hosts.keys()]
  const written = new Set<string>()
  const keeper = new NetworkKeeper(async (wanted, name) => {
    const report = await applyGateway(star.host(name), wanted, name)
    if (report.missing.length > 0) throw new Error(`${name}: missing ${report.missing.slice(0, 3).join('; ')}`)
    if (report.commands.length > 0) written.add(name)
    return report
  }, systemClock)
  const settle = async (wanted: Overlay) => {
    keeper.want(wanted)
    await keeper.settled(names)
  }
  await settle(overlay)
  // What was started for another mode may have had its entries deleted since; now all is there, and has been looked at just now.
  keeper.doubt(names)
  await settle(overlay)
  await keeper.idle()
  const runs: ByController[] = []
  let whole = overlay
  for (let n = 0; n < 3; n += 1) {
    whole = { ...whole, members: [...whole.members, memberOf(1, 6000 + n)] }
    for (const host of star.hosts.values()) host.reset()
    written.clear()
    const from = spent()
    await settle(whole)
    const to = spent()
    runs.push({
      asked: [...star.hosts.values()].filter((host) => host.commands > 0).length,
      written: written.size,
      commandsMs: 1000 * (to.commands - from.commands),
      ownMs: 1000 * (to.own - from.own),
    })
  }
  const of = (pick: (run: ByController) => number) => median(runs.map(pick))
  return {
    asked: of((run) => run.asked),
    written: of((run) => run.written),
    commandsMs: of((run) => run.commandsMs),
    ownMs: of((run) => run.ownMs),
  }
}

/** By namespace the MACs that are behind other gateways. */
function wantedOf(star: Star, stations: readonly Pick<Member, 'gateway' | 'mac'>[]): Map<string, string[]> {
  const others = (name: string) => stations.filter((one) => one.gateway !== name).map((one) => one.mac)
  return new Map([...star.hosts.keys()].map((name) => [star.netns(name), others(name)]))
}

function rowsOf(result: Result): BenchRow[] {
  const { gateways, byController: by, oneMore } = result
  const row = (what: string, unit: string, ours: number) =>
    alone({ case: `${gateways} gateways: ${what}`, unit, ours, goal: null })
  return [
    row('a new MAC is at all others', 'ms', oneMore.ms),
    row('a member more, EVPN: gateways asked', 'gateways', by.evpn.asked),
    row('a member more, static: gateways asked', 'gateways', by.static.asked),
  ]
}

function tablesOf(results: readonly Result[]): BenchTable[] {
  const members = results[0]?.members ?? 0
  const n = (value: number) => String(Number(value.toPrecision(3)))
  return [
    {
      title: 'FRR (zebra and bgpd) on one gateway',
      columns: [
        'gateways',
        `${gatewayName(0)}, MiB`,
        'other, MiB',
        `with ${members} members: ${gatewayName(0)}, MiB`,
        'other, MiB',
        `idle: ${gatewayName(0)}, % of a core`,
        'other, %',
      ],
      rows: results.map(({ gateways, memory, idle }) => [
        String(gateways),
        ...[memory.head, memory.other, memory.headFull, memory.otherFull, idle.head, idle.other].map(n),
      ]),
    },
    {
      title: 'Telling',
      columns: [
        'gateways',
        'a new MAC at all others, ms',
        'FRR on all gateways, CPU ms',
        `${members} members at all others, s`,
        `${gatewayName(0)}, CPU ms`,
        'other, CPU ms',
      ],
      rows: results.map(({ gateways, oneMore, all }) => [
        String(gateways),
        ...[oneMore.ms, oneMore.cpuMs, all.seconds, all.headCpuMs, all.otherCpuMs].map(n),
      ]),
    },
    {
      title: `The controller adds a member to ${members}`,
      columns: [
        'gateways',
        ...(['EVPN', 'static'] as const).flatMap((mode) => [
          `${mode}: gateways asked`,
          'written at',
          'commands, CPU ms',
          'controller, CPU ms',
        ]),
      ],
      rows: results.map(({ gateways, byController: by }) => [
        String(gateways),
        ...[by.evpn, by.static].flatMap((one) => [one.asked, one.written, one.commandsMs, one.ownMs]).map(n),
      ]),
    },
  ]
}

function at(all: readonly Taken[], k: number): Taken {
  const one = all[k]
  if (one === undefined) throw new Error(`no gateway ${k}`)
  return one
}

function sumOf(all: readonly Taken[]): number {
  return all.reduce((sum, one) => sum + one.cpuMs, 0)
}

function whole(option: string, value: string, least: number, most: number): number {
  const number = Number(value)
  if (!Number.isInteger(number) || number < least || number > most) {
    throw new Error(`--${option} ${value}: a whole number from ${least} to ${most}, please`)
  }
  return number
}
