import { must, run } from '../../lab/process.ts'
import { alone, type BenchRow, type BenchTable } from '../report.ts'
import { nodeAddress } from './contender.ts'
import { parseCounters } from './counters.ts'
import { inside, type Path, type Sites } from './sites.ts'
import { netnsOf } from './wan.ts'

/** How often each thing is sent. */
const times = 10

const idleMs = 3000

/** Packets on the WAN, by what was sent and by contender; and whether what should be answered was. */
export interface Packets {
  readonly contender: string
  readonly arp: number
  readonly dhcp: number
  readonly broadcast: number
  readonly unknown: number
  /** In a second, while nothing is sent. */
  readonly idle: number
  readonly leases: number
  /** ARP requests that nobody answered. */
  readonly silent: number
}

/** Sends each contender's nodes' ARP, DHCP, broadcasts and frames for a MAC that nobody has, and counts what comes out on the WAN. */
export async function countPackets(sites: Sites): Promise<Packets[]> {
  const paths = sites.paths
  await must(inWan('nft', '-f', '-'), { stdin: counting(paths) })
  const counts: Packets[] = []
  for (const path of paths) counts.push(await countOf(path))
  return counts
}

async function countOf(path: Path): Promise<Packets> {
  const { name, contender } = path
  if (contender === null) throw new Error(`${name} is no segment`)
  const counted = async (act: () => Promise<unknown>) => {
    const [before, began] = [await counter(name), performance.now()]
    await act()
    return { packets: (await counter(name)) - before, ms: performance.now() - began }
  }
  const nobody = `${contender.subnet}.250.250`
  const sent = async (...argv: string[]) => {
    await run(inside(path, argv))
  }
  const idle = await counted(() => new Promise((resolve) => setTimeout(resolve, idleMs)))
  // A contender's own talk goes on meanwhile: what is sent for the node is what is more than that.
  const more = async (act: () => Promise<unknown>) => {
    const { packets, ms } = await counted(act)
    return Math.max(0, Math.round(packets - (idle.packets * ms) / idle.ms))
  }
  const pings = ['-q', '-n', '-c', String(times), '-i', '0.05', '-W', '0.2']
  let silent = 0
  const arp = await more(async () => {
    for (let time = 0; time < times; time += 1) {
      const { code } = await run(inside(path, ['arping', '-q', '-b', '-c', '1', '-w', '1', '-I', 'eth0', path.address]))
      if (code !== 0) silent += 1
    }
  })
  const broadcast = await more(() => sent('ping', '-b', ...pings, `${contender.subnet}.255.255`))
  await must(
    inside(path, ['ip', 'neigh', 'replace', nobody, 'lladdr', '02:43:00:00:00:fa', 'dev', 'eth0', 'nud', 'permanent']),
  )
  const unknown = await more(() => sent('ping', ...pings, nobody))
  let leases = 0
  const dhcp = await more(async () => {
    const client = ['udhcpc', '-f', '-n', '-q', '-t', '3', '-T', '1', '-i', 'eth0', '-s', '/bin/true']
    const { code, stderr } = await run(inside(path, client))
    if (code === 0 && stderr.includes(`lease of ${nodeAddress(contender, 1)} obtained`)) leases += 1
  })
  return { contender: name, arp, dhcp, broadcast, unknown, idle: (1000 * idle.packets) / idle.ms, leases, silent }
}

/** Ours must send nothing over the WAN, and yet answer. */
export function packetRows(counts: readonly Packets[]): BenchRow[] {
  const rows: BenchRow[] = []
  for (const { contender, arp, dhcp, broadcast, unknown, leases, silent } of counts) {
    if (contender !== 'plain' && contender !== 'encrypted') continue
    const row = (what: string, ours: number) =>
      rows.push(alone({ case: `${contender}: ${what}`, unit: 'WAN packets', ours, goal: 0 }))
    row(`${times} ARP requests for a node of the other site`, arp)
    rows.push(alone({ case: `${contender}: those without an answer`, unit: 'requests', ours: silent, goal: 0 }))
    row(`${times} broadcasts`, broadcast)
    row(`${times} frames for a MAC that nobody has`, unknown)
    row('a DHCP client', dhcp)
    rows.push(alone({ case: `${contender}: DHCP clients without a lease`, unit: 'clients', ours: 1 - leases, goal: 0 }))
  }
  return rows
}

export function packetTable(counts: readonly Packets[]): BenchTable {
  return {
    title: `Packets on the WAN for ${times} of each, and of a DHCP client that tries 3 times`,
    columns: ['', 'ARP', 'broadcast', 'unknown MAC', 'DHCP', 'idle, 1/s'],
    rows: counts.map(({ contender, arp, broadcast, unknown, dhcp, idle }) => [
      contender,
      ...[arp, broadcast, unknown, dhcp].map(String),
      idle.toFixed(1),
    ]),
  }
}

/** Rules that count what passes between the sites, a counter for each contender. */
function counting(paths: readonly Path[]): string {
  const counters = paths.map(({ name }) => `counter ${name} { }`)
  const rules = paths.flatMap(({ name, contender }) =>
    (contender?.packets ?? []).map((expression) => `${expression} counter name ${name} accept`),
  )
  return `table inet seen {
${counters.join('\n')}
chain forward {
type filter hook forward priority 0; policy accept;
${rules.join('\n')}
}
}
`
}

async function counter(name: string): Promise<number> {
  return parseCounters(await must(inWan('nft', '-j', 'list', 'counters'))).get(name) ?? Number.NaN
}

function inWan(...argv: string[]): string[] {
  return ['ip', 'netns', 'exec', netnsOf('wan'), ...argv]
}
