import { parseArgs } from 'node:util'

/** What can be measured. */
export const subjects = ['throughput', 'rtt', 'packets', 'scale', 'cut'] as const
export type Subject = (typeof subjects)[number]

/** What to measure, and how long. */
export interface Options {
  readonly only: ReadonlySet<Subject>
  /** Of one transfer, beside a first second that does not count. */
  readonly seconds: number
  readonly rounds: number
  /** Names of contenders beside `plain`. */
  readonly peers: readonly string[]
  /** Of the cut. */
  readonly cutSeconds: number
}

export const usage = `  -- --only throughput,rtt,packets,scale,cut   a part of it
  -- --seconds 2 --rounds 3                    of each transfer
  -- --peers encrypted,softether,...           whom to compare with; our own plain overlay is always there
  -- --cut 30                                  seconds of the cut`

/**
 * Reads the command line.
 * @param known the contenders that there are beside `plain`
 * @throws Error that says what is wrong with it.
 */
export function parseOptions(argv: readonly string[], known: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      only: { type: 'string' },
      seconds: { type: 'string', default: '2' },
      rounds: { type: 'string', default: '3' },
      peers: { type: 'string' },
      cut: { type: 'string', default: '30' },
    },
  })
  const only = words('only', values.only, subjects)
  return {
    only: new Set(only as readonly Subject[]),
    seconds: whole('seconds', values.seconds),
    rounds: whole('rounds', values.rounds),
    peers: words('peers', values.peers, known),
    cutSeconds: whole('cut', values.cut),
  }
}

function words(option: string, value: string | undefined, known: readonly string[]): readonly string[] {
  if (value === undefined) return known
  const chosen = value.split(',').filter((word) => word !== '')
  const strange = chosen.find((word) => !known.includes(word))
  if (strange !== undefined) throw new Error(`--${option} ${strange}: there is ${known.join(', ')}`)
  return chosen
}

function whole(option: string, value: string): number {
  if (!/^[1-9]\d{0,3}$/.test(value)) throw new Error(`--${option} ${value}: a whole number, please`)
  return Number(value)
}
