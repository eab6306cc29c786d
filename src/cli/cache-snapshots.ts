import { Command } from 'commander'
import type { Pinned, SnapshotRow } from '../cache/snapshots/routes.ts'
import { askCache, cacheConfigOption, cacheQuery } from './cache-query.ts'
import { print } from './query.ts'
import { ago, table } from './table.ts'

/** `causeway cache snapshots`: which states of suites are kept, for whom. */
export function cacheSnapshotsCommand(): Command {
  const description = 'list the kept states of suites: which is in use, and which clusters are pinned to which'
  return cacheQuery<readonly SnapshotRow[]>(
    { name: 'snapshots', description },
    () => '/v1/snapshots',
    (rows) => showSnapshots(rows, Date.now()),
  )
}

/** The snapshots as a table. */
export function showSnapshots(rows: readonly SnapshotRow[], nowMs: number): string {
  const lines = rows.map(({ id, host, suite, madeAtMs, validatedAtMs, inUse, pinnedBy }) => [
    id.slice(0, 12),
    inUse ? 'yes' : '-',
    pinnedBy.join(',') || '-',
    madeAtMs === null ? '?' : new Date(madeAtMs).toISOString().slice(0, 19),
    ago(nowMs - validatedAtMs),
    `${host}${suite}`,
  ])
  return table(['SNAPSHOT', 'IN USE', 'PINNED BY', 'MADE', 'VALIDATED', 'SUITE'], lines)
}

/** `causeway cache pin CLUSTER`: what its nodes see stays as it is now. */
export function cachePinCommand(): Command {
  return new Command('pin')
    .description(
      "let a cluster's nodes see the indexes as they are now, until it is unpinned; what is pinned is not evicted",
    )
    .argument('<cluster>', 'its name under clusters in the configuration')
    .option(...cacheConfigOption)
    .option('--json', 'print the result as JSON')
    .action(async (cluster: string, { config, json = false }: { config: string; json?: boolean }) => {
      const pinned = await askCache<Pinned>({ config, path: '/v1/pin', method: 'POST', body: { cluster } })
      print(json, pinned, (answer) => showPinned(cluster, answer))
    })
}

/** What a cluster is pinned to. */
export function showPinned(cluster: string, { pinned }: Pinned): string {
  const suites = pinned.map(({ id, host, suite }) => `  ${id.slice(0, 12)}  ${host}${suite}`)
  const rest = 'a suite that its nodes ask for first later is pinned then'
  const count = pinned.length === 1 ? '1 snapshot' : `${pinned.length} snapshots`
  return [`${cluster} is pinned to ${count}; ${rest}`, ...suites].join('\n')
}

/** `causeway cache unpin CLUSTER`. */
export function cacheUnpinCommand(): Command {
  return new Command('unpin')
    .description("let a cluster's nodes see the newest indexes again")
    .argument('<cluster>', 'its name under clusters in the configuration')
    .option(...cacheConfigOption)
    .option('--json', 'print the result as JSON')
    .action(async (cluster: string, { config, json = false }: { config: string; json?: boolean }) => {
      const unpinned = await askCache({ config, path: '/v1/unpin', method: 'POST', body: { cluster } })
      print(json, unpinned, () => `${cluster} sees the newest indexes again`)
    })
}
