import { consoleEnd } from '../../console-end.ts'
import type { Machine } from '../../driver.ts'
import { statusMeanings } from '../protocol.ts'
import { seenInProcesses } from './seen-in-processes.ts'
import type { Trial } from './trial.ts'

/** One thing that a driver program promises. */
export interface DriverPromise {
  readonly name: string
  /** What holds. */
  readonly text: string
  /** What to do when it does not. */
  readonly remedy: string
  /** Whether it is tried on a machine, and so can't be where none can be made. */
  readonly needsMachine: boolean
  /** Tries it: null when it holds, else why not. What it throws is a reason, too. */
  broken(trial: Trial): Promise<string | null>
}

/** What a driver program promises, in the order in which it is tried. */
export const driverPromises: readonly DriverPromise[] = [
  {
    name: 'list',
    text: '`list` answers with one JSON document of its form; of a cluster that has no machines, with none',
    remedy: 'print {"machines": []} and nothing else to standard output; messages for people go to standard error',
    needsMachine: false,
    broken: async ({ driver }) => {
      const { machines } = await driver.list()
      return machines.length === 0 ? null : `it lists ${ids(machines)} in a cluster that is new`
    },
  },
  {
    name: 'capacity',
    text: '`capacity` names every host (or zone) once, with the machines of the cluster that it has',
    remedy: 'a site that is one host answers with that host; numbers that are not known are null',
    needsMachine: false,
    broken: async ({ driver }) => {
      const { hosts } = await driver.capacity()
      if (new Set(hosts.map(({ host }) => host)).size < hosts.length) return 'a host is there twice'
      const busy = hosts.find(({ machines }) => machines > 0)
      return busy ? `${busy.host} has ${busy.machines} machines of a cluster that is new` : null
    },
  },
  {
    name: 'unknown-command',
    text: 'a command that it does not know ends with status 64',
    remedy: 'check the last argument first: later versions of the protocol may ask for more',
    needsMachine: false,
    broken: async (trial) => status(await trial.run('no-such-command'), 64),
  },
  {
    name: 'bad-document',
    text: 'what is no document of the protocol, or lacks a part, ends with status 64 and changes nothing',
    remedy:
      'parse the whole document and look at `protocol`, and at each part that the command needs, before doing anything',
    needsMachine: false,
    broken: async (trial) => {
      const tries: [what: string, result: Awaited<ReturnType<Trial['run']>>][] = [
        ['no JSON', await trial.program.run('list', 'this is no JSON')],
        ['half a document', await trial.program.run('create', '{"protocol": "causeway-driver/1", "machine": {')],
        ['another protocol', await trial.run('list', { protocol: 'causeway-driver/999' })],
        ['a create without a machine', await trial.run('create')],
        ['a delete without an id', await trial.run('delete')],
      ]
      const wrong = tries.flatMap(([what, result]) => status(result, 64, what) ?? [])
      return wrong.length > 0 ? wrong.join('; ') : nothingListed(trial)
    },
  },
  {
    name: 'bad-id',
    text: 'an id that is a path ends with status 64, whatever is asked',
    remedy: 'refuse ids that are not like ^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$ before they become the name of anything',
    needsMachine: false,
    broken: async (trial) => {
      const id = '../../tmp/causeway-check'
      const machine = { ...trial.spec('path'), id }
      return status(await trial.run('delete', { id }), 64) ?? status(await trial.runCreate(machine), 64)
    },
  },
  {
    name: 'delete-unknown',
    text: '`delete` of a machine that never was succeeds',
    remedy: 'what is not there is deleted: print {} and end with 0',
    needsMachine: false,
    broken: async (trial) => {
      await trial.driver.delete(trial.id('never'))
      return null
    },
  },
  {
    name: 'console-unknown',
    text: '`console` of a machine that never was is empty',
    remedy: 'print {"console": ""} and end with 0',
    needsMachine: false,
    broken: async (trial) => {
      const text = await trial.driver.console(trial.id('never'))
      return text === '' ? null : `it shows ${JSON.stringify(text.slice(0, 80))}`
    },
  },
  {
    name: 'image-missing',
    text: 'an image that the site does not have ends `create` with status 66',
    remedy: 'look whether the image is there before anything is made',
    needsMachine: false,
    broken: async (trial) => {
      const machine = trial.spec('no-image', { image: '/no/such/image-of-causeway-check' })
      return status(await trial.runCreate(machine), 66) ?? nothingRuns(trial)
    },
  },
  {
    name: 'avoid-hosts',
    text: 'where all hosts are to be avoided, `create` ends with status 73 and makes nothing',
    remedy: 'leave the hosts of `avoidHosts` (as `capacity` names them) out before one is chosen',
    needsMachine: false,
    broken: async (trial) => {
      const avoidHosts = (await trial.driver.capacity()).hosts.map(({ host }) => host)
      const machine = trial.spec('nowhere', { avoidHosts })
      return status(await trial.runCreate(machine), 73) ?? nothingListed(trial)
    },
  },
  {
    name: 'create',
    text: '`create` answers with the machine, which runs, with the id, the name and the cluster that it was given',
    remedy: 'answer as soon as the machine has been started; a process that goes on must not keep standard output open',
    needsMachine: false,
    broken: async (trial) => {
      const { name, createdAtMs } = await trial.machine()
      if (name !== 'check-main') return `machine.name: expected "check-main", got "${name}"`
      const offMs = Math.abs(Date.now() - createdAtMs)
      return offMs < 600_000
        ? null
        : `machine.createdAtMs is ${Math.round(offMs / 1000)} s off; expected ms since the epoch`
    },
  },
  {
    name: 'listed',
    text: 'a machine that was created is listed, as `create` told it',
    remedy: 'stamp the id, the name, the cluster and the time on the machine itself, and read them from there',
    needsMachine: true,
    broken: async (trial) => {
      const { machines } = await trial.driver.list()
      if (machines.length !== 1) return `it lists ${ids(machines)}`
      return machines.map(lasting).join() === lasting(await trial.machine())
        ? null
        : `it lists ${machines.map(lasting).join()}, and create said ${lasting(await trial.machine())}`
    },
  },
  {
    name: 'counted',
    text: '`capacity` counts it',
    remedy: 'count the machines of the asked cluster, host by host',
    needsMachine: true,
    broken: async ({ driver }) => {
      const count = (await driver.capacity()).hosts.reduce((sum, { machines }) => sum + machines, 0)
      return count === 1 ? null : `it counts ${count}`
    },
  },
  {
    name: 'create-again',
    text: '`create` of a machine that runs changes nothing and answers as before, also where its host is to be avoided',
    remedy: 'look for a machine of the id first, everywhere; if it runs, it is the answer',
    needsMachine: true,
    broken: async (trial) => {
      const first = lasting(await trial.machine())
      const avoidHosts = (await trial.driver.capacity()).hosts.map(({ host }) => host)
      for (const over of [{}, { avoidHosts }]) {
        const again = lasting(await trial.driver.create(trial.spec('main', over)))
        if (again !== first) return `it answers ${again}, and before ${first}`
      }
      const { machines } = await trial.driver.list()
      return machines.length === 1 ? null : `there are ${machines.length} machines now`
    },
  },
  {
    name: 'clusters',
    text: 'a cluster is shown its own machines only',
    remedy: 'compare the cluster stamped on each machine with the one that is asked for',
    needsMachine: true,
    broken: async ({ other }) => {
      const { machines } = await other.list()
      return machines.length === 0 ? null : `another cluster is shown ${ids(machines)}`
    },
  },
  {
    name: 'console',
    text: '`console` answers with the end of what the machine printed, at most 64 KiB',
    remedy: 'keep what it prints in a file and answer with the last 65536 bytes of it',
    needsMachine: true,
    broken: async (trial) => {
      const text = await trial.wholeConsole('main')
      return text === consoleEnd(text) ? null : `it answers with ${Buffer.byteLength(text)} bytes`
    },
  },
  {
    name: 'several',
    text: 'different machines can be worked on at the same time',
    remedy: 'keep no file that two calls would write at the same time; lock by id, not as a whole',
    needsMachine: true,
    broken: async (trial) => {
      const names = ['two', 'three']
      await Promise.all([...names.map((name) => trial.driver.create(trial.spec(name))), trial.driver.list()])
      const running = await runningIds(trial)
      const missing = ['main', ...names].map((name) => trial.id(name)).filter((id) => !running.includes(id))
      if (missing.length > 0) return `after two creates at once there is no ${missing.join(', ')}`
      await Promise.all(names.map((name) => trial.driver.delete(trial.id(name))))
      const left = await runningIds(trial)
      return left.length === 1 ? null : `after two deletes at once there are ${left.join(', ')}`
    },
  },
  {
    name: 'hosts',
    text: 'a machine is made at a host that is not to be avoided, and says at which',
    remedy: '`host` of a machine is one of those that `capacity` names; null only where there is one',
    needsMachine: true,
    broken: async (trial) => {
      const hosts = (await trial.driver.capacity()).hosts.filter(({ closed }) => closed === null)
      const [wanted, ...avoided] = hosts.map(({ host }) => host)
      const avoidHosts = avoided
      const { host } = await trial.driver.create(trial.spec('placed', { avoidHosts }))
      await trial.driver.delete(trial.id('placed'))
      if (host === wanted || (host === null && avoided.length === 0)) return null
      return `machine.host: expected "${wanted}", got ${JSON.stringify(host)}`
    },
  },
  {
    name: 'secrets',
    text: 'what is in the seed shows up in no command line and no environment',
    remedy: 'hand it on by standard input or by files that only root reads, never as an argument',
    needsMachine: true,
    broken: async (trial) => {
      const seen = await seenInProcesses(trial.secret, trial.driver.create(trial.spec('secret')))
      await trial.driver.delete(trial.id('secret'))
      return seen.length === 0 ? null : `a secret of the seed is in ${seen.join(', and in ')}`
    },
  },
  {
    name: 'killed',
    text: 'what a call that was killed leaves behind, the next `create` makes run, and `delete` removes',
    remedy: 'stamp the id on the machine before anything else is made; begin each create by removing what is half made',
    needsMachine: true,
    broken: async (trial) => {
      const id = trial.id('killed')
      for (const share of [0.3, 0.6, 0.9]) {
        const afterMs = Math.max(5, trial.createdInMs * share)
        await trial.kill('create', trial.spec('killed'), afterMs)
        await trial.driver.create(trial.spec('killed'))
        if (!(await runningIds(trial)).includes(id)) return `killed after ${Math.round(afterMs)} ms, it never runs`
        await trial.kill('delete', trial.spec('killed'), afterMs)
        await trial.kill('create', trial.spec('killed'), afterMs)
        await trial.driver.delete(id)
        const { machines } = await trial.driver.list()
        if (machines.some((machine) => machine.id === id)) return 'it is still listed after `delete`'
      }
      return null
    },
  },
  {
    name: 'delete',
    text: '`delete` returns when the machine is gone; once more, it succeeds again',
    remedy: 'wait until it has ended and all that it owned is removed; only then print {} and end with 0',
    needsMachine: true,
    broken: async (trial) => {
      for (let round = 0; round < 2; round++) {
        await trial.driver.delete(trial.id('main'))
        const { machines } = await trial.driver.list()
        if (machines.length > 0) return `it still lists ${ids(machines)}`
      }
      const text = await trial.driver.console(trial.id('main'))
      return text === '' ? null : 'its console is still shown'
    },
  },
  {
    name: 'again',
    text: 'a machine that was deleted can be created again at once, port and all',
    remedy: '`delete` is to wait until the port is free and the files are gone',
    needsMachine: true,
    broken: async (trial) => {
      await trial.driver.create(trial.spec('main'))
      await trial.driver.delete(trial.id('main'))
      return nothingListed(trial)
    },
  },
]

/** Why a status is not the one that is promised; null when it is. */
function status(result: { code: number; stderr: string }, wanted: number, what?: string): string | null {
  if (result.code === wanted) return null
  const meaning = statusMeanings.find(({ status }) => status === wanted)?.code
  const said = result.stderr.trim().slice(-300)
  const about = what === undefined ? '' : `${what}: `
  return `${about}expected status ${wanted} (${meaning}), got ${result.code}${said ? `, and it said: ${said}` : ''}`
}

async function nothingListed({ driver }: Trial): Promise<string | null> {
  const { machines } = await driver.list()
  return machines.length === 0 ? null : `and yet it lists ${ids(machines)}`
}

async function nothingRuns(trial: Trial): Promise<string | null> {
  const running = await runningIds(trial)
  return running.length === 0 ? null : `and yet ${running.join(', ')} runs`
}

async function runningIds({ driver }: Trial): Promise<string[]> {
  return (await driver.list()).machines.filter(({ state }) => state === 'running').map(({ id }) => id)
}

function ids(machines: readonly Machine[]): string {
  return machines.length === 0 ? 'nothing' : machines.map(({ id }) => id).join(', ')
}

/** What of a machine stays the same as long as nothing happens to it. */
function lasting({ id, name, state, createdAtMs, host }: Machine): string {
  return JSON.stringify({ id, name, state, createdAtMs, host })
}
