import { must } from '../../lab/process.ts'
import type { Cache } from './caches.ts'
import { type Rig, siteAddress } from './rig.ts'

interface Spread {
  readonly least: number
  readonly median: number
  readonly most: number
}

/** What load.c prints. */
export interface Loaded {
  readonly seconds: number
  /** Bodies that came whole. */
  readonly requests: number
  /** Of bodies, also of those that did not come whole. */
  readonly bytes: number
  readonly broken: number
  readonly refused: number
  /** Bodies with other bytes than the origin's. */
  readonly wrong: number
  /** Answers other than 200. */
  readonly badStatus: number
  readonly lastStatus: number
  /** Clients that had not got everything in time. */
  readonly unfinished: number
  /** From a request to the first bytes of its answer. */
  readonly firstMs: Spread & { readonly p99: number }
  /** From a client's beginning to its end. */
  readonly doneMs: Spread
}

export interface LoadOptions {
  readonly clients: number
  readonly paths: readonly string[]
  /** For how long to go round the paths; absent: every client fetches each path once, in order. */
  readonly windowMs?: number
  /** Milliseconds between one client's beginning and the next one's. */
  readonly staggerMs?: number
  readonly deadlineMs?: number
  /** Compare every byte with what it must be. */
  readonly check?: boolean
  /** Throw bodies away unread, so that clients cost as little as can be. */
  readonly discard?: boolean
}

/** Runs the load generator among the nodes against a cache. */
export async function load(
  rig: Rig,
  cache: Pick<Cache, 'port' | 'prefix' | 'host'>,
  options: LoadOptions,
): Promise<Loaded> {
  const { clients, paths, windowMs, staggerMs, deadlineMs = 120_000, check = false, discard = false } = options
  const program = (await must([`${import.meta.dirname}/load/build`])).trim()
  const argv = [program, '-a', siteAddress, '-p', String(cache.port), '-c', String(clients), '-d', String(deadlineMs)]
  if (windowMs !== undefined) argv.push('-t', String(windowMs))
  if (staggerMs !== undefined) argv.push('-s', String(staggerMs))
  if (check) argv.push('-k')
  if (discard) argv.push('-z')
  if (cache.prefix !== '') argv.push('-u', cache.prefix)
  argv.push('-h', cache.host)
  const timeoutMs = deadlineMs + 30_000
  return JSON.parse(await must(rig.at('nodes', argv), { stdin: `${paths.join('\n')}\n`, timeoutMs })) as Loaded
}

/** How many requests did not end well. */
export function failures(loaded: Loaded): number {
  return loaded.broken + loaded.refused + loaded.wrong + loaded.badStatus + loaded.unfinished
}
