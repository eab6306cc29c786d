import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { Command } from 'commander'
import { systemClock } from '../base/clock.ts'
import { CausewayError, toCausewayError } from '../base/errors.ts'
import type { Host } from '../base/host.ts'
import { createLogger, type Logger } from '../base/log.ts'
import { loadControllerConfig } from '../config/controller-config.ts'
import { createEngine } from '../elastic/engine.ts'
import { LiveConfig } from '../elastic/live-config.ts'
import { machineSpec } from '../elastic/machine-spec.ts'
import { networkReport } from '../elastic/network-report.ts'
import { emptyOverlay, headGateway, overlayFromNodes } from '../elastic/overlay-from-nodes.ts'
import { Recorder } from '../elastic/recorder.ts'
import { registrationOf, registrations } from '../elastic/registrations.ts'
import { SiteKeeper } from '../elastic/site-keeper.ts'
import { hashToken, tokenFor } from '../elastic/tokens.ts'
import { controllerCalls } from '../hooks/controller-calls.ts'
import { openDoors } from '../hooks/doors.ts'
import { EngineWatch } from '../hooks/engine-figures.ts'
import { ReadModel } from '../hooks/read-model.ts'
import { connectScheduler } from '../hooks/schedulers/connect.ts'
import { applyGateway } from '../network/apply.ts'
import type { Overlay } from '../network/overlay.ts'
import { loadBoot, loadJoin } from '../sites/seed.ts'
import { readSnippets } from '../sites/snippets.ts'
import { DrainStore } from '../store/drain-store.ts'
import { EventStore } from '../store/event-store.ts'
import { JobStore } from '../store/job-store.ts'
import { NodeStore } from '../store/node-store.ts'
import { openStore } from '../store/open.ts'
import { TunnelKeyStore } from '../store/tunnel-key-store.ts'
import { defaultConfigFile } from './config-file.ts'
import { driversOf } from './drivers.ts'
import { gatewayHosts, hostOf } from './gateway-hosts.ts'
import { serveImages } from './images.ts'
import { NetworkWatch } from './network-watch.ts'
import { secretFile } from './secret-file.ts'
import { rolesOf, warmCaches } from './warm-caches.ts'

/** How often to look while nodes come or go, ms. */
const busyPollMs = 500

/** `causeway controller`: watches the queue and grows and shrinks the cluster until SIGTERM or SIGINT. */
export function controllerCommand(): Command {
  return new Command('controller')
    .description('watch the queue, grow and shrink the cluster; runs in the foreground until SIGTERM')
    .option('--config <file>', 'the configuration file', defaultConfigFile())
    .option('--check', 'check the configuration, and the snippets that it names, and exit')
    .action(async (options: { config: string; check?: boolean }) => {
      const config = await loadControllerConfig(options.config)
      if (options.check) {
        await readSnippets(config)
        process.stdout.write(`${options.config}: ok\n`)
        return
      }
      const log = createLogger('controller', config.controller.logLevel)
      const live = new LiveConfig(config, () => loadControllerConfig(options.config))
      const controller = await startController(live, log)
      process.on('SIGHUP', () => void controller.reload())
      log.info({ cluster: config.cluster.name, sites: Object.keys(config.sites) }, 'controller runs')
      const [signal] = await Promise.race([
        once(process, 'SIGTERM').then(() => ['SIGTERM']),
        once(process, 'SIGINT').then(() => ['SIGINT']),
      ])
      log.info({ signal }, 'controller stops')
      await controller.stop()
    })
}

/** The composition root: chooses the adapters, joins the parts, opens the doors. */
async function startController(
  live: LiveConfig,
  log: Logger,
): Promise<{ reload(): Promise<void>; stop(): Promise<void> }> {
  // What of it can't change while the controller runs.
  const config = live.current
  const clock = systemClock
  const { stateDir, tokenFile, poll, batch } = config.controller
  const hosts = gatewayHosts(config)
  const drivers = driversOf(config, hosts, log)
  const secret = await secretFile(join(stateDir, 'secret'))
  const apiToken = (await secretFile(tokenFile)).toString('utf8').trim()
  const [boot, joinProgram, snippets] = await Promise.all([loadBoot(), loadJoin(), readSnippets(config)])
  const connection = await connectScheduler(config.scheduler, hostOf(hosts, headGateway), clock, {
    possible: () => registrations(live.current),
    placement: () => live.policyAt(clock.now()).placement,
    onProblem: (problem) =>
      log.error({ code: problem.code, err: problem }, 'the scheduler could not be told all of the configuration'),
  })
  const { scheduler, role } = connection

  const db = await openStore(join(stateDir, 'causeway.db'))
  const nodes = new NodeStore(db)
  const events = new EventStore(db)
  const jobs = new JobStore(db)
  const sites = new SiteKeeper({
    clock,
    config: live,
    drivers,
    drains: new DrainStore(db),
    nodes,
    events,
    view: () => loop.view,
    wake: () => loop.wake(),
  })
  const { record } = config.controller
  const recorder = record && new Recorder({ folder: record.folder, keepMs: record.keep }, clock, log)
  const watch = new EngineWatch(clock)
  const gateways = new NetworkWatch({
    config,
    hosts,
    clock,
    log,
    keys: new TunnelKeyStore(db),
    onChange: () => loop.wake(),
    onSilence: (names) => {
      network.doubt(names)
      loop.wake()
    },
  })
  const { loop, network, reports } = createEngine({
    record: (round) => {
      watch.round()
      recorder?.record(round)
    },
    clock,
    log,
    nodes,
    events,
    jobs,
    scheduler: watch.timed(scheduler),
    drivers,
    applyGateway: (overlay, gateway) => bringToState(overlay, gateway, hosts),
    explains: config.scheduler.explain,
    warm: { cache: warmCaches(config, hosts), rolesOf: (type) => rolesOf(live.current, type) },
    pace: { batchMs: batch, pollMs: poll, busyPollMs },
    policyAt: (now) => live.policyAt(now),
    policyChangesAtMs: (now) => live.changesAtMs(now),
    newId: randomUUID,
    tokenFor: (id) => tokenFor(secret, id),
    paths: () => gateways.paths.paths(),
    drains: () => sites.drains(),
    overlay: (living) => overlayFromNodes(live.current, living, gateways.facts),
    registration: (node) => registrationOf(live.current, node),
    machineSpec: (node, token) =>
      machineSpec(live.current, node, {
        token,
        boot,
        join: joinProgram,
        role,
        snippets,
        facts: gateways.facts,
      }),
  })
  const readModel = new ReadModel({
    clock,
    config: live,
    nodes,
    events,
    jobs,
    view: () => loop.view,
    brokenGateways: () => network.broken(),
  })
  const calls = controllerCalls({
    readModel,
    sites,
    policy: live,
    network: () =>
      networkReport({
        overlay: () => emptyOverlay(live.current, gateways.facts),
        keeper: network,
        monitor: gateways.paths,
      }),
    keys: gateways.keys,
    reports,
    events,
    watch,
    wake: () => loop.wake(),
  })
  const doors = await openDoors({ ...config.controller, apiTokenHash: hashToken(apiToken) }, calls, (error) => {
    log.error({ err: error }, 'the doors broke; the controller ends')
    process.exit(1)
  })
  const stopImages = serveImages(config.images, clock, log)
  await gateways.start()
  loop.start()
  return {
    async reload() {
      try {
        log.info(await live.reload(), 'the policy was read again')
        loop.wake()
      } catch (thrown) {
        log.error({ err: toCausewayError(thrown) }, 'the policy was not read again: the one before stays in force')
      }
    },
    async stop() {
      await doors.close()
      await stopImages()
      await loop.stop()
      await gateways.stop()
      await recorder?.close()
      await connection.close()
      await Promise.all([...drivers.values()].map((driver) => driver.close()))
      await Promise.all([...hosts.values()].map((host) => host.close()))
      await db.destroy()
    },
  }
}

/** Applies the overlay at a gateway; what could not be achieved there rejects. */
async function bringToState(overlay: Overlay, gateway: string, hosts: ReadonlyMap<string, Host>) {
  const report = await applyGateway(hostOf(hosts, gateway), overlay, gateway)
  if (report.missing.length === 0) return report
  const refused = report.failures.map((failure) => failure.reason).join('; ')
  throw new CausewayError('CommandFailed', `gateway ${gateway} is not as wanted: ${refused}`, {
    facts: { missing: report.missing },
  })
}
