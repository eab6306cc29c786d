import { chmodSync, mkdirSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { fileURLToPath } from 'node:url'
import { nameServiceFiles } from '../../lab/accounts.ts'
import { cleanUp, diskName, labFolder } from '../../lab/clean-up.ts'
import { LabHost } from '../../lab/host.ts'
import { own, refuseIfOwned } from '../../lab/owner.ts'
import { must } from '../../lab/process.ts'
import { type LabSlurm, slurmConfPath, slurmNodesPath, startSlurm } from '../../lab/slurm.ts'
import { until } from '../../lab/until.ts'
import { registrations } from '../../src/elastic/registrations.ts'
import { renderSlurmNodes } from '../../src/hooks/schedulers/slurm/conf.ts'
import { configFor } from '../planner/config.ts'

const repository = fileURLToPath(new URL('../..', import.meta.url))

const lab = 'manynodes'

/** A slurm.conf of the head with a line for each site, which is read sooner than Causeway's line for each of 5,000 nodes. */
export const briefConfPath = '/etc/slurmd/slurm.conf'

const address = '10.231.7.1'

const quickly = { user: 'alice', env: { SLURM_CONF: briefConfPath } } as const

/** Nodes with a real slurmd each, 8 MB of memory and a port. */
export const realNodes = 300

/** Sites whose nodes have no machine. */
export const siteNames = ['north', 'east', 'south', 'west', 'middle']
export const nodesPerSite = 1000

/** What the controller of it runs by. */
export const config = configFor(siteNames, nodesPerSite)

const realLine = `NodeName=r[1-${realNodes}] NodeAddr=head Port=[17001-${17_000 + realNodes}] CPUs=16 RealMemory=1000 Feature=real State=UNKNOWN\n`

/**
 * One lab host with a slurmctld, real slurmds `r1` to `r300` beside it, and cloud nodes without a slurmd. In the controller's
 * place is a server that answers hooks at once and passes them on. What a crashed run has left is removed first, or by
 * `scripts/lab down --crashed`.
 */
export class ManyNodes {
  readonly head: LabHost
  /** Told of each hook: its event, as it comes. */
  onHook: (event: string) => void = () => undefined
  static #removed: Promise<void> | undefined
  #slurm: LabSlurm | undefined
  #server: Server | undefined

  static async up(): Promise<ManyNodes> {
    refuseIfOwned(lab)
    await cleanUp(lab)
    own(lab)
    const many = new ManyNodes()
    try {
      await many.#build()
    } catch (error) {
      await many.down()
      throw error
    }
    return many
  }

  /** Ends and removes all of it. Called again, by whoever has found it gone, it is the same removal. */
  static async remove(): Promise<void> {
    ManyNodes.#removed ??= cleanUp(lab)
    await ManyNodes.#removed
  }

  private constructor() {
    this.head = new LabHost({
      name: 'head',
      netns: `cw-${lab}-head`,
      folder: `${labFolder(lab)}/disk/head`,
      binds: [{ source: repository, target: '/opt/causeway', writable: false }],
      files: nameServiceFiles({ [address]: 'head' }),
    })
  }

  async #build(): Promise<void> {
    mkdirSync(`${labFolder(lab)}/disk`, { recursive: true })
    await must(['mount', '-t', 'tmpfs', '-o', 'mode=0755', diskName(lab), `${labFolder(lab)}/disk`])
    await must(['ip', 'netns', 'add', `cw-${lab}-head`])
    const lines = `link set lo up\naddr add ${address}/32 dev lo\n`
    await must(['ip', '-n', `cw-${lab}-head`, '-batch', '-'], { stdin: lines })
    await this.head.powerOn()
    await this.#listen()
    this.#slurm = await startSlurm(this.head, { cluster: 'many', sites: [], resumeTimeout: 36_000 })
    await this.#becomeLarge(this.#slurm)
  }

  /** As an admin does: other lines in slurm.conf, each slurmd with files of its own, and a new start. */
  async #becomeLarge(slurm: LabSlurm): Promise<void> {
    const own =
      'MaxNodeCount=10000\nSlurmdPidFile=/run/slurmd.%n.pid\nSlurmdLogFile=/var/log/slurm/slurmd.%n.log\nSlurmdSpoolDir=/run/slurmd.%n\n'
    const conf =
      own + this.head.read(slurmConfPath).replaceAll(/^(MaxNodeCount|SlurmdPidFile|SlurmdSpoolDir)=.*\n/gm, '')
    this.head.write(slurmConfPath, { content: conf })
    this.head.write(slurmNodesPath, { content: renderSlurmNodes(registrations(config)) + realLine })
    await slurm.slurmctld.kill('SIGTERM')
    await slurm.restart()
    // A slurmd and whoever submits many jobs would otherwise be at it for a quarter of a second each.
    const brief = `DebugFlags=NO_CONF_HASH\n${conf.replaceAll(/^DebugFlags=.*\n/gm, '')}`
    this.head.write(briefConfPath, { content: brief })
    this.head.write(slurmNodesPath.replace('/slurm/', '/slurmd/'), { content: cloudLines() + realLine })
    const start = `for k in $(seq ${realNodes}); do slurmd -N "r$k" -f ${briefConfPath} || exit 1; done`
    const { code, stderr } = await this.head.exec(['sh', '-c', start], { timeoutMs: 120_000 })
    if (code !== 0) throw new Error(`slurmd: ${stderr}`)
    await until('all real nodes are idle', 120_000, async () => {
      const argv = ['sinfo', '-h', '-N', '-n', `r[1-${realNodes}]`, '-t', 'idle', '-o', '%T']
      const { stdout } = await this.head.exec(argv, quickly)
      return stdout.split('\n').filter((state) => state === 'idle').length === realNodes
    })
  }

  async #listen(): Promise<void> {
    const server = createServer((request, response) => {
      request.resume().once('end', () => {
        this.onHook(request.url?.split('/').at(-1) ?? '')
        response.writeHead(202).end()
      })
    })
    const folder = this.head.path('/run/causeway')
    mkdirSync(folder)
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(`${folder}/causeway.sock`, resolve)
    })
    chmodSync(`${folder}/causeway.sock`, 0o666)
    this.#server = server
  }

  /** Submits a job of alice's with these options and returns its id. */
  async sbatch(...options: string[]): Promise<string> {
    const argv = ['sbatch', '--parsable', '--output=/dev/null', '--chdir=/tmp', ...options]
    const { stdout, stderr, code } = await this.head.exec(argv, { user: 'alice' })
    if (code !== 0) throw new Error(`sbatch: ${stderr}`)
    return stdout.trim()
  }

  /** Puts jobs into the queue that wait for good, each an entry of its own. */
  async fill(count: number): Promise<void> {
    const sbatch = 'sbatch --parsable --output=/dev/null --chdir=/tmp --hold --wrap=true'
    const argv = ['sh', '-c', `for k in $(seq ${count}); do ${sbatch} || exit 1; done`]
    const { code, stderr } = await this.head.exec(argv, { ...quickly, timeoutMs: 120_000 })
    if (code !== 0) throw new Error(`sbatch: ${stderr}`)
  }

  /** Keeps submitting short jobs for the real nodes, one about every `pauseMs`, until the function that is returned is called. */
  async submitting(pauseMs: number): Promise<() => Promise<void>> {
    const sbatch = "sbatch --parsable --output=/dev/null --chdir=/tmp --constraint=real --wrap='sleep 1'"
    const daemon = await this.head.start(['sh', '-c', `while ${sbatch}; do sleep ${pauseMs / 1000}; done`], {
      ...quickly,
      log: '/tmp/submitting.log',
    })
    return async () => {
      await daemon.kill('SIGKILL')
    }
  }

  async down(): Promise<void> {
    this.#server?.closeAllConnections()
    this.#server?.close()
    await ManyNodes.remove()
  }
}

function cloudLines(): string {
  return siteNames
    .map((site) => `NodeName=${site}-[1-${nodesPerSite}] CPUs=2 RealMemory=2048 Feature=site-${site} State=CLOUD\n`)
    .join('')
}
