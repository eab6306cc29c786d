import { CausewayError } from '../../base/errors.ts'

/** What `scripts/site/causeway-doctor` found at a gateway. */
export interface Reading {
  /** The gateway's clock, ms since the epoch, and the controller's host's when it was asked and had answered. */
  readonly clock: { readonly saysMs: number; readonly askedAtMs: number; readonly answeredAtMs: number }
  /** Version by program; null: there is no such program; '?': it does not say. */
  readonly programs: ReadonlyMap<string, string | null>
  /** What the kernel can do; null: it can, else why not. */
  readonly features: ReadonlyMap<string, string | null>
  readonly settings: ReadonlyMap<string, string>
  /** Who has a UDP port; null: the kernel. */
  readonly udp: readonly { readonly port: number; readonly process: string | null }[]
  readonly keys: readonly { readonly file: string; readonly mode: string; readonly owner: string }[]
  /** Devices with names of ours, and their MTUs in bytes. */
  readonly devices: readonly { readonly name: string; readonly kind: string; readonly mtu: number }[]
  /** Counters of our tables; `table` is FAMILY/NAME. */
  readonly counters: readonly { readonly table: string; readonly name: string; readonly packets: number }[]
  /** Ports of the bridge that frames were dropped from lately. */
  readonly offenders: readonly { readonly table: string; readonly port: string }[]
  /** Ports that are redirected to a living cache. */
  readonly alive: readonly { readonly table: string; readonly port: number }[]
  /** Names of nodes, and whether they can be resolved. */
  readonly names: ReadonlyMap<string, boolean>
  /** By the other gateway's underlay address: whether packets of the path's MTU, or only small ones, got there. */
  readonly paths: ReadonlyMap<string, 'full' | 'small' | 'none'>
  /** By the other gateway's address in the segment: whether it answers there. */
  readonly segment: ReadonlyMap<string, boolean>
}

/**
 * Reads what the script printed.
 * @throws CausewayError `MalformedOutput` when a line is not what the script promises, or the last one is missing
 */
export function parseReading(text: string, askedAtMs: number, answeredAtMs: number): Reading {
  const lines = text.split('\n').filter((line) => line !== '')
  if (lines.at(-1) !== 'end') throw new CausewayError('MalformedOutput', 'the examination ended before its end')
  const facts = lines.slice(0, -1).map(parseLine)
  const of = (kind: string) => facts.filter((fact) => fact.kind === kind).map(({ words }) => words)
  const [[seconds = ''] = []] = of('time')
  const pairs = <V>(kind: string, value: (words: readonly string[]) => V) =>
    new Map(of(kind).map((words) => [words[0] ?? '', value(words)]))
  return {
    clock: { saysMs: numberOf(seconds) * 1000, askedAtMs, answeredAtMs },
    programs: pairs('program', ([, version = '']) => (version === '-' ? null : version)),
    features: pairs('feature', ([, can, ...why]) => (can === 'yes' ? null : why.join(' ') || 'no reason was given')),
    settings: pairs('sysctl', ([, ...value]) => value.join(' ')),
    udp: of('udp').map(([port, process]) => ({
      port: numberOf(port),
      process: process === '-' ? null : (process ?? null),
    })),
    keys: of('key').map(([file = '', mode = '', owner = '']) => ({ file, mode, owner })),
    devices: of('device').map(([name = '', kind = '', mtu]) => ({ name, kind, mtu: numberOf(mtu) })),
    counters: of('counter').map(([table = '', name = '', packets]) => ({ table, name, packets: numberOf(packets) })),
    offenders: of('offender').map(([table = '', port = '']) => ({ table, port })),
    alive: of('alive').map(([table = '', port]) => ({ table, port: numberOf(port) })),
    names: pairs('name', ([, found]) => found === 'yes'),
    paths: pairs('path', ([, how]) => (how === 'full' || how === 'small' ? how : 'none')),
    segment: pairs('segment', ([, answers]) => answers === 'yes'),
  }
}

/** How many words each kind of line has at least. */
const lengths: Readonly<Record<string, number>> = {
  time: 1,
  kernel: 1,
  program: 2,
  feature: 2,
  sysctl: 2,
  udp: 2,
  key: 3,
  device: 3,
  counter: 3,
  alive: 2,
  offender: 2,
  name: 2,
  path: 2,
  segment: 2,
}

function parseLine(line: string): { kind: string; words: readonly string[] } {
  const [kind = '', ...words] = line.split(' ')
  const least = lengths[kind]
  if (least === undefined || words.length < least) throw malformed(line)
  return { kind, words }
}

function numberOf(text = ''): number {
  const value = Number(text)
  if (text === '' || !Number.isFinite(value) || value < 0) throw malformed(text)
  return value
}

function malformed(text: string): CausewayError {
  return new CausewayError('MalformedOutput', `the examination said '${text.slice(0, 200)}'`)
}
