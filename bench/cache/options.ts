import { parseArgs } from 'node:util'

/** What can be measured. */
export const subjects = ['hot', 'cold', 'follow', 'wan', 'fat', 'broken', 'memory', 'nodes'] as const
export type Subject = (typeof subjects)[number]

/** What to measure, and how long. */
export interface Options {
  readonly only: ReadonlySet<Subject>
  /** Of one cell of the hot cases. */
  readonly seconds: number
  readonly rounds: number
  /** Whether the hot cases' clients throw bodies away unread. */
  readonly discard: boolean
  /** Names of peers. */
  readonly peers: readonly string[]
}

export const usage = `  -- hot cold follow wan fat broken memory nodes  a part of it: kept files; a set that many want at once; a file that is
                                               arriving; nodes that install over a WAN; one large file over a long fat
                                               line; what breaks off, rots or is cut; memory; the lab's nodes
  -- --seconds 1 --rounds 3                    of each hot case, and of the WAN's
  -- --peers nginx,squid,varnish,apt-cacher-ng whom to compare with
  -- --discard                                 hot: clients that throw bodies away inside the kernel, so that servers are
                                               the limit (what is sent without copying is then never copied at all)`

/**
 * Reads the command line.
 * @param known the peers that there are
 * @throws Error that says what is wrong with it.
 */
export function parseOptions(argv: readonly string[], known: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      seconds: { type: 'string', default: '1' },
      rounds: { type: 'string', default: '3' },
      peers: { type: 'string' },
      discard: { type: 'boolean', default: false },
    },
  })
  const only = positionals.length === 0 ? subjects : chosen('subject', positionals, subjects)
  return {
    only: new Set(only as readonly Subject[]),
    seconds: whole('seconds', values.seconds),
    rounds: whole('rounds', values.rounds),
    discard: values.discard,
    peers: values.peers === undefined ? known : chosen('peer', values.peers.split(',').filter(Boolean), known),
  }
}

function chosen(what: string, words: readonly string[], known: readonly string[]): readonly string[] {
  const strange = words.find((word) => !known.includes(word))
  if (strange !== undefined) throw new Error(`no ${what} is called ${strange}: there is ${known.join(', ')}`)
  return words
}

function whole(option: string, value: string): number {
  if (!/^[1-9]\d{0,3}$/.test(value)) throw new Error(`--${option} ${value}: a whole number, please`)
  return Number(value)
}
