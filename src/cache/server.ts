import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { constants } from 'node:fs'
import { access, mkdir } from 'node:fs/promises'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { listenOnSocket } from '../base/api/unix-socket.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { CausewayError } from '../base/errors.ts'
import { get } from '../base/http.ts'
import type { Logger } from '../base/log.ts'
import { createAhead } from './ahead/ahead.ts'
import { habitTables } from './ahead/habit-store.ts'
import { warmRoutes } from './ahead/routes.ts'
import { type CacheDatabase, openDatabase } from './database.ts'
import { Tunnels } from './door/connect.ts'
import { backlog, openFront } from './door/front.ts'
import { Proxy } from './door/proxy.ts'
import { Events } from './events.ts'
import { Fetches } from './fill/fetches.ts'
import { Heartbeat, type Pulse, runNft } from './heartbeat.ts'
import { originsOf } from './origins.ts'
import { adminSocketOf, type CacheSettings, splitListen } from './settings.ts'
import { openSnapshots } from './snapshots/open.ts'
import { snapshotRoutes } from './snapshots/routes.ts'
import { snapshotTables } from './snapshots/tables.ts'
import { DiskStore } from './store/disk-store.ts'
import { storeTables } from './store/tables.ts'
import { ManyPlaces } from './upstream/many-places.ts'
import { openTunnel } from './upstream/tunnel.ts'
import { checkKeyrings } from './verify/keyrings.ts'
import { AccessLog } from './watch/access-log.ts'
import { buildAdmin } from './watch/admin.ts'
import { type Counters, newCounters } from './watch/counters.ts'
import { Ledger } from './watch/ledger.ts'
import { CacheMetrics } from './watch/metrics.ts'
import { Pages, statsPath } from './watch/pages.ts'
import { statusOf } from './watch/status.ts'
import { statusRoutes } from './watch/status-routes.ts'
import { storeRoutes } from './watch/store-routes.ts'
import { Traffic } from './watch/traffic.ts'

/** A cache that serves. */
export interface RunningCache {
  /** The port that it listens on (of use when the settings said 0). */
  readonly port: number
  readonly counters: Readonly<Counters>
  /** Takes the redirection away, lets transfers end for at most `graceMs`, then closes everything. Once is enough. */
  stop(graceMs?: number): Promise<void>
}

/** Milliseconds that transfers get to end when the cache stops and is told nothing else. */
const usualGraceMs = 10_000

/**
 * Starts a cache; once this resolves it serves. When it can't, nothing of it is left open.
 * @throws CausewayError `InvalidConfig` when the store, the log, a keyring, a socket or the address can't be used
 */
export async function startCache(
  settings: CacheSettings,
  { log, clock = systemClock }: { log: Logger; clock?: Clock },
): Promise<RunningCache> {
  const opened = new AsyncDisposableStack()
  try {
    return await start(settings, log, clock, opened)
  } catch (error) {
    await opened.disposeAsync()
    throw error
  }
}

/** @param opened What is open, to be closed in the reverse order. */
async function start(
  settings: CacheSettings,
  log: Logger,
  clock: Clock,
  opened: AsyncDisposableStack,
): Promise<RunningCache> {
  const events = new Events({ clock, log })
  const origins = originsOf(settings)
  await usable('keyring', checkKeyrings([...origins.values()].flatMap(({ keyring }) => keyring ?? [])))
  const { database, store } = await usable(`store ${settings.store}`, openStore(settings, clock, events))
  opened.defer(async () => {
    await store.close()
    database.close()
  })
  const logFile = settings.accessLog
  const accessLog =
    logFile === undefined ? undefined : await usable(`access log ${logFile}`, AccessLog.open(logFile, log))
  opened.defer(async () => accessLog?.close())
  const via = `causeway-${randomBytes(6).toString('hex')}`
  const { siblings, parent } = settings
  const upstream = new ManyPlaces({ origins, siblings, parent, via, events })
  const counters = newCounters()
  const traffic = new Traffic()
  const fetches = new Fetches({ store, upstream, counters, traffic, events, clock, log })
  const shared = { settings, origins, database, store, fetches, counters, clock, log }
  const { catalogue, snapshots } = openSnapshots({ ...shared, upstream, traffic, events })
  opened.defer(async () => {
    await snapshots.close()
    await catalogue.close()
  })
  const ahead = createAhead({ ...shared, snapshots, catalogue })
  opened.defer(() => ahead.close())
  opened.defer(async () => {
    await fetches.stop()
    await upstream.close()
    await fetches.idle()
  })
  const status = statusOf({ counters, traffic, store, events, fetches, upstream, clock })
  const metrics = new CacheMetrics(status)
  const admin = buildAdmin([
    statusRoutes(status, metrics),
    storeRoutes(store, origins),
    snapshotRoutes(snapshots),
    warmRoutes(ahead.warmer, log),
  ])
  let removeSocket = async () => {}
  opened.defer(async () => {
    await admin.close()
    await removeSocket()
  })
  removeSocket = await usable('admin', listenOnSocket(admin, adminSocketOf(settings), undefined))

  const pages = new Pages({ counters, metrics, watchers: settings.watchers })
  const ledger = new Ledger({ counters, traffic, metrics, accessLog })
  const proxy = new Proxy({
    origins,
    via,
    store,
    fetches,
    upstream,
    snapshots,
    catalogue,
    events,
    indexes: settings.indexes,
    counters,
    ledger,
    ahead: ahead.reader,
    clock,
    log,
  })
  const tunnels = new Tunnels({
    allowed: settings.connect,
    open: (host, port) => openTunnel(host, port, settings.connect, upstream.names),
    counters,
    ledger,
    clock,
  })
  const server = openFront({
    atHand: (head, client) => proxy.atHand(head, client),
    answer: (req, res) => {
      if (!pages.answer(req, res)) void proxy.handle(req, res)
    },
    connect: (req, client, head) => void tunnels.serve(req, client, head),
  })
  const { host, port } = splitListen(settings.listen)
  server.listen({ port, host, backlog })
  await usable(`listen ${settings.listen}`, once(server, 'listening'))
  const grace = { ms: usualGraceMs }
  opened.defer(() => closeServer(server, tunnels, fetches, grace.ms, clock))
  opened.defer(() => ahead.giveUp())
  const address = server.address() as AddressInfo

  const heartbeats = pulsesOf(settings).map((pulse) => {
    const door = frontDoor(address.address, pulse.family)
    return new Heartbeat(pulse, {
      serves: async () => !store.troubled && (await answers(door, address.port, Math.max(100, pulse.hold / 4))),
      nft: (script) => runNft(script, Math.max(1000, pulse.hold / 4)),
      clock,
      log,
    })
  })
  opened.defer(async () => void (await Promise.all(heartbeats.map((heartbeat) => heartbeat.stop()))))

  let stopped: Promise<void> | undefined
  const stop = (graceMs = usualGraceMs) => {
    grace.ms = graceMs
    return (stopped ??= opened.disposeAsync())
  }
  return { port: address.port, counters, stop }
}

/** The store, and the database that other rooms keep their tables in too. */
async function openStore(
  { store: folder, storage: { quota, keepFree } }: CacheSettings,
  clock: Clock,
  events: Events,
): Promise<{ database: CacheDatabase; store: DiskStore }> {
  await mkdir(folder, { recursive: true, mode: 0o755 })
  // SQLite would call it an I/O error.
  await access(folder, constants.W_OK | constants.X_OK)
  const database = openDatabase(folder, [storeTables, snapshotTables, habitTables], (reason) =>
    events.report('StoreReset', folder, 'the database was damaged; all that was kept is fetched anew', reason),
  )
  try {
    return { database, store: await DiskStore.open({ folder, database, clock, events, quota, keepFree }) }
  } catch (error) {
    database.close()
    throw error
  }
}

/** What to do about it, by the system's word for what went wrong. */
const waysOut: Readonly<Record<string, string>> = {
  EADDRINUSE: '; `ss -ltnp` names the program that listens there',
  EADDRNOTAVAIL: '; this machine has no such address',
  EACCES: '; the user that the cache runs as may not do that',
  EROFS: '; the file system is mounted read-only',
}

/** Waits for something that only what the admin wrote can make fail. */
async function usable<T>(what: string, opening: Promise<T>): Promise<T> {
  try {
    return await opening
  } catch (cause) {
    const { message, code } = cause as NodeJS.ErrnoException
    throw new CausewayError('InvalidConfig', `${what}: ${message}${waysOut[code ?? ''] ?? ''}`, { cause })
  }
}

/** One for each family, so that one that fails does not stop the other. */
function pulsesOf({ heartbeat }: CacheSettings): readonly Pulse[] {
  return heartbeat === undefined ? [] : heartbeat.families.map((family) => ({ ...heartbeat, family }))
}

/** Where nodes of that family get in. A cache that listens on IPv4 only is not found by IPv6, and has no heartbeat there. */
function frontDoor(listening: string, family: 'ip' | 'ip6'): string {
  if (listening === '0.0.0.0' || listening === '::') return family === 'ip' ? '127.0.0.1' : '::1'
  return listening
}

/** Whether the server answers a request on a new connection within `timeoutMs`. */
function answers(host: string, port: number, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(timeoutMs)
    const request = get({ host, port, path: statsPath, agent: false, signal }, (response) => {
      response.on('error', () => resolve(false))
      response.resume().on('end', () => resolve(response.statusCode === 200))
    })
    request.on('error', () => resolve(false))
  })
}

/** Takes no new connections, and closes the ones there are as they fall idle, all of them after `graceMs`. */
async function closeServer(
  server: Server,
  tunnels: Tunnels,
  fetches: Fetches,
  graceMs: number,
  clock: Clock,
): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeIdleConnections()
  const done = new AbortController()
  await Promise.race([Promise.all([closed, fetches.idle()]), clock.sleep(graceMs, done.signal)])
  done.abort()
  tunnels.close()
  server.closeAllConnections()
  await closed
}
