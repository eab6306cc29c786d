import { setPriority } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { CausewayError } from '../../src/base/errors.ts'
import { type ControllerCalls, controllerCalls } from '../../src/hooks/controller-calls.ts'
import { openDoors } from '../../src/hooks/doors.ts'
import { EngineWatch } from '../../src/hooks/engine-figures.ts'
import { parseSqueue } from '../../src/hooks/schedulers/slurm/squeue.ts'
import { EventStore } from '../../src/store/event-store.ts'
import { openStore } from '../../src/store/open.ts'
import { engineOn } from '../planner/engine.ts'
import { quietWorld } from '../planner/quiet-world.ts'
import { squeueText } from '../planner/slurm-text.ts'

/** The controller with its doors and its loop, which reads a queue of 10,000 jobs again and again. */
setPriority(0, 0)
const [socket = '', folder = ''] = process.argv.slice(2)
const size = { jobs: 10_000, nodes: 1000 }
const db = await openStore(join(folder, 'bench.db'))
const { config, outside } = await quietWorld(size, db)
const text = squeueText(size.jobs)
const { queue } = outside
const loop = await engineOn(
  config,
  {
    ...outside,
    // As from squeue: its text is parsed anew for every round.
    get queue() {
      parseSqueue(text, Date.now())
      return queue
    },
  },
  db,
)
const events = new EventStore(db)
let recorded = 0
const nobody = () => Promise.reject(new CausewayError('NotFound', 'nobody asks in this benchmark'))
const calls: ControllerCalls = {
  ...controllerCalls({
    readModel: { status: nobody, nodes: nobody, timeline: nobody, why: nobody },
    sites: { report: nobody, drain: nobody, undrain: nobody },
    policy: { reload: nobody },
    network: () => {
      throw new CausewayError('NotFound', 'nobody asks in this benchmark')
    },
    keys: null,
    reports: { report: nobody },
    events,
    watch: new EngineWatch(systemClock),
    wake: () => loop.wake(),
  }),
  recordHooks: async (hooks) => {
    loop.wake()
    await events.appendAll(hooks)
    recorded += hooks.length
  },
}
const doors = await openDoors(
  {
    socket,
    listen: '127.0.0.1:0',
    rates: { socket: 1_000_000, address: 1_000_000 },
    spool: join(folder, 'spool'),
    logLevel: 'error',
    apiTokenHash: '',
  },
  calls,
  (error) => {
    throw error
  },
)
let rounds = 0
const round = loop.round.bind(loop)
loop.round = () => {
  rounds += 1
  return round()
}
loop.start()
process.once('message', () => {
  const { user, system } = process.cpuUsage()
  void (async () => {
    await doors.close()
    process.send?.({ cpuMs: (user + system) / 1000, rounds, recorded })
    await loop.stop()
    await db.destroy()
    process.disconnect()
  })()
})
process.send?.('ready')
