import { Command } from 'commander'
import { CausewayError } from '../base/errors.ts'
import type { Listed, Verified } from '../cache/store/port.ts'
import type { Inspection, Purged } from '../cache/watch/store-routes.ts'
import { askCache, cacheConfigOption, cacheQuery, followCache } from './cache-query.ts'
import { type Flags, print } from './query.ts'
import { bytes } from './sizes.ts'
import { ago, table } from './table.ts'

/** `causeway cache ls [URL]`: what is kept. */
export function cacheListCommand(): Command {
  const spec = {
    name: 'ls',
    argument: '[url]',
    description: 'list what is kept: all, or what begins with a URL',
    flags: [['--limit <n>', 'show at most so many, default 1000']] as [string, string][],
  }
  return cacheQuery<readonly Listed[]>(
    spec,
    (url, flags) => `/v1/responses?${query({ prefix: url, limit: String(limitOf(flags)) })}`,
    (kept, flags) => showList(kept, limitOf(flags)),
  )
}

/** @throws CausewayError `InvalidRequest` */
function limitOf({ limit = '1000' }: Flags): number {
  if (/^[1-9][0-9]{0,5}$/.test(String(limit))) return Number(limit)
  throw new CausewayError('InvalidRequest', `--limit ${String(limit)}: expected a whole number from 1 to 999999`)
}

/**
 * What is kept as a table, in the order of its keys.
 * @param most how many were asked for
 */
export function showList(kept: readonly Listed[], most: number): string {
  if (kept.length === 0) return 'nothing of that is kept'
  const rows = kept.map(({ key, length, uses, pins }) => [bytes(length), String(uses), pins.join(',') || '-', key])
  const shown = table(['BYTES', 'USES', 'PINNED BY', 'URL'], rows)
  return kept.length < most ? shown : `${shown}\n... these are the first ${most}; --limit shows more`
}

/** `causeway cache inspect URL`: all that is known of one file, each version of it. */
export function cacheInspectCommand(): Command {
  const spec = { name: 'inspect', argument: '<url>', description: 'show all that is known of a kept file' }
  return cacheQuery<Inspection>(spec, (url) => `/v1/inspect?${query({ key: url })}`, showInspection)
}

/** A block of lines for each version. */
export function showInspection({ kept }: Inspection): string {
  return kept.map(showOne).join('\n\n')
}

function showOne(one: Listed): string {
  const time = (ms: number) => (ms === 0 ? 'never' : new Date(ms).toISOString())
  return [
    one.key,
    `  sha256     ${one.sha256}`,
    `  bytes      ${one.length}`,
    `  status     ${one.status}`,
    `  stored     ${time(one.storedAtMs)}, fetched in ${ago(one.fetchMs)}`,
    `  validated  ${time(one.validatedAtMs)}`,
    `  used       ${one.uses} times, last ${time(one.usedAtMs)}`,
    ...(one.pins.length === 0 ? [] : [`  pinned by  ${one.pins.join(', ')}`]),
    ...Object.entries(one.headers).map(([name, value]) => `  ${name}: ${value}`),
  ].join('\n')
}

/** `causeway cache verify [URL]`: reads kept bodies and compares them with their digests. */
export function cacheVerifyCommand(): Command {
  return new Command('verify')
    .description('read what is kept and compare it with its SHA-256; what is damaged is removed and named')
    .argument('[url]', 'only what begins with this; otherwise all')
    .option(...cacheConfigOption)
    .option('--json', 'print the result as JSON')
    .action(async (url: string | undefined, { config, json = false }: { config: string; json?: boolean }) => {
      const verified = await followCache<Verified, Verified>(
        { config, path: `/v1/verify?${query({ prefix: url })}`, method: 'POST' },
        (soFar) => `${soFar.responses} verified, ${bytes(soFar.bytes)}, ${soFar.damaged.length} damaged`,
      )
      print(json, verified, showVerified)
      if (verified.damaged.length > 0) process.exitCode = 1
    })
}

/** What was found, what was damaged by name. */
export function showVerified({ responses, bytes: read, damaged }: Verified): string {
  if (responses === 0 && damaged.length === 0) return 'nothing of that is kept'
  const words = damaged.length === 0 ? 'all as they were written' : `${damaged.length} damaged and removed:`
  return [`${responses} responses verified, ${bytes(read)}: ${words}`, ...damaged.map((key) => `  ${key}`)].join('\n')
}

/** `causeway cache purge URL`: removes what is kept; it is fetched again when somebody wants it. */
export function cachePurgeCommand(): Command {
  return new Command('purge')
    .description('remove what is kept and begins with a URL; what is pinned stays')
    .argument('<url>', 'a URL or the beginning of one, such as http://deb.debian.org/debian/pool/main/s/')
    .option(...cacheConfigOption)
    .option('--json', 'print the result as JSON')
    .action(async (url: string, { config, json = false }: { config: string; json?: boolean }) => {
      const path = `/v1/purge?${query({ prefix: url })}`
      print(json, await askCache<Purged>({ config, path, method: 'POST' }), showPurged)
    })
}

/** What went, and why the rest did not. */
export function showPurged({ removed, pinned }: Purged): string {
  const went = `${removed} removed`
  if (pinned === 0) return went
  return `${went}; ${pinned} ${pinned === 1 ? 'stays' : 'stay'}: indexes in use, which are replaced when their origin has newer ones (see causeway cache snapshots)`
}

function query(parts: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(parts).filter((part): part is [string, string] => part[1] !== undefined)
  return new URLSearchParams(given).toString()
}
