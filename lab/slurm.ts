import { randomBytes } from 'node:crypto'
import { chmodSync, chownSync, mkdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Registration } from '../src/elastic/scheduler.ts'
import { renderSlurmNodes } from '../src/hooks/schedulers/slurm/conf.ts'
import type { LabHost, LabProcess } from './host.ts'
import { until } from './until.ts'

/** A site with nodes of one type, as Slurm is to know them: `NAME-1` to `NAME-MAXIMUM`, with the feature `site-NAME`. */
export interface LabSlurmSite {
  readonly name: string
  /** Lower is preferred. */
  readonly order: number
  readonly maximum: number
  readonly cpus: number
  readonly memoryMiB: number
}

/** What the scheduler on a head is to be like. */
export interface SlurmOptions {
  readonly cluster: string
  readonly sites: readonly LabSlurmSite[]
  /** Nodes register themselves (`slurmd -Z`); slurm.conf names none, `sites` is not looked at, and there is no power saving. */
  readonly dynamic?: boolean
  /** Jobs of several nodes are kept in one site by job_submit.lua. Default: they are left as their users wrote them. */
  readonly oneSite?: boolean
  /** slurmctld takes JWTs, as slurmrestd passes them on. */
  readonly jwt?: boolean
  /** The folder on the head with the programs that slurmctld calls. Default /opt/causeway/scripts/slurm. */
  readonly scripts?: string
  /** Seconds until Slurm itself gives a node up; longer than Causeway's own deadlines together, so that those count. Default 600. */
  readonly resumeTimeout?: number
  /** Seconds after SuspendProgram until a node may be asked for again. Default 2. */
  readonly suspendTimeout?: number
  /** Seconds until a node that does not answer is down. Default 60. */
  readonly slurmdTimeout?: number
}

/** The scheduler on a head. */
export interface LabSlurm {
  readonly mungeKey: Uint8Array
  /** Of the last start. */
  readonly slurmctld: LabProcess
  /** Starts slurmctld again, after it was killed; its state is kept. */
  restart(): Promise<void>
  /** What slurmctld has logged. */
  log(): string
}

/** Where slurm.conf is on the head. */
export const slurmConfPath = '/etc/slurm/slurm.conf'

/** Where the file with the nodes is that slurm.conf includes. */
export const slurmNodesPath = '/etc/slurm/causeway-nodes.conf'

interface Owner {
  readonly uid: number
  readonly gid: number
}

const jobSubmitScript = fileURLToPath(new URL('../scripts/slurm/job_submit.lua', import.meta.url))

const jwtKeyPath = '/etc/slurm/jwt.key'

const logPath = '/var/log/slurm/slurmctld.log'

/**
 * Sets up and starts munged and slurmctld on a head and resolves when slurmctld answers. The head must know its own name;
 * slurmctld listens on all its addresses, those that come later too. slurmctld runs as its own user, as in production.
 */
export async function startSlurm(head: LabHost, options: SlurmOptions): Promise<LabSlurm> {
  const mungeKey = randomBytes(128)
  const slurm = ownerOf(head, 'slurm')
  head.write(slurmConfPath, { content: renderSlurmConf(head.name, options) })
  if (!options.dynamic) head.write(slurmNodesPath, { content: renderSlurmNodes(options.sites.flatMap(nodesOf)) })
  head.write('/etc/slurm/job_submit.lua', { content: readFileSync(jobSubmitScript, 'utf8') })
  if (options.oneSite) {
    const sites = options.sites.toSorted((a, b) => a.order - b.order).map((site) => `site-${site.name}\n`)
    head.write('/etc/slurm/causeway-sites', { content: sites.join('') })
  }
  if (options.jwt) head.write(jwtKeyPath, { content: randomBytes(32), mode: 0o600, ...slurm })
  head.write('/etc/slurm/cgroup.conf', { content: 'CgroupPlugin=cgroup/v1\n' })
  for (const folder of ['/var/lib/slurm/slurmctld', '/var/log/slurm', '/run/slurmctld']) {
    makeFolder(head, folder, slurm, 0o755)
  }
  await startMunged(head, mungeKey)
  const start = async (): Promise<LabProcess> => {
    const daemon = await head.start(['slurmctld', '-D', '-i', '-f', slurmConfPath], {
      log: '/var/log/slurm/slurmctld.out',
    })
    let ended: number | undefined
    void daemon.exited.then((status) => {
      ended = status
    })
    await until('slurmctld answers', 120_000, async () => {
      if (ended !== undefined) throw new Error(`slurmctld ended with ${ended}: ${head.read(logPath).slice(-2000)}`)
      return (await head.exec(['scontrol', 'ping'])).stdout.includes('is UP')
    })
    return daemon
  }
  let slurmctld = await start()
  return {
    mungeKey,
    get slurmctld() {
      return slurmctld
    },
    async restart() {
      slurmctld = await start()
    },
    log: () => head.read(logPath),
  }
}

/** The nodes of a site, which nobody has addressed yet. */
function nodesOf({ name, order, maximum, cpus, memoryMiB }: LabSlurmSite): Registration[] {
  return Array.from({ length: maximum }, (_, index) => ({
    name: `${name}-${index + 1}`,
    address: '0.0.0.0',
    site: name,
    type: 'standard',
    size: { cpus, memoryMiB, gpus: 0 },
    features: [`site-${name}`],
    rank: order,
  }))
}

/** Starts munged with a cluster's key, as its own user. */
export async function startMunged(host: LabHost, key: Uint8Array): Promise<LabProcess> {
  const munge = ownerOf(host, 'munge')
  host.write('/etc/munge/munge.key', { content: key, mode: 0o600, ...munge })
  chownSync(host.path('/etc/munge'), munge.uid, munge.gid)
  for (const folder of ['/run/munge', '/var/lib/munge', '/var/log/munge']) makeFolder(host, folder, munge, 0o755)
  const daemon = await host.start(['munged', '--foreground'], { user: 'munge', log: '/var/log/munge/munged.out' })
  await until('munged answers', 120_000, async () => (await host.exec(['munge', '--no-input'])).code === 0)
  return daemon
}

/** slurm.conf of a head without systemd and cgroups, tuned so that a job starts as soon as it can. */
function renderSlurmConf(head: string, options: SlurmOptions): string {
  const { cluster, scripts = '/opt/causeway/scripts/slurm' } = options
  const parameters = {
    ClusterName: cluster,
    SlurmctldHost: head,
    SlurmUser: 'slurm',
    AuthType: 'auth/munge',
    CredType: 'cred/munge',
    MpiDefault: 'none',
    SwitchType: 'switch/none',
    ProctrackType: 'proctrack/linuxproc',
    TaskPlugin: 'task/none',
    JobAcctGatherType: 'jobacct_gather/none',
    AccountingStorageType: 'accounting_storage/none',
    StateSaveLocation: '/var/lib/slurm/slurmctld',
    SlurmctldPidFile: '/run/slurmctld/slurmctld.pid',
    SlurmctldLogFile: logPath,
    SlurmctldDebug: 'verbose',
    DebugFlags: 'Power',
    SlurmdPidFile: '/run/slurmd.pid',
    SlurmdSpoolDir: '/var/spool/slurmd',
    SlurmdTimeout: options.slurmdTimeout ?? 60,
    MessageTimeout: 10,
    TreeWidth: 65533,
    ReturnToService: 2,
    PrivateData: 'cloud',
    JobSubmitPlugins: 'lua',
    ...(options.jwt ? { AuthAltTypes: 'auth/jwt', AuthAltParameters: `jwt_key=${jwtKeyPath}` } : {}),
    SchedulerType: 'sched/backfill',
    SelectType: 'select/cons_tres',
    SelectTypeParameters: 'CR_Core',
    SchedulerParameters: 'sched_interval=1,bf_interval=1,batch_sched_delay=0',
    // config_overrides: a node with a little less memory than promised is taken all the same.
    SlurmdParameters: 'config_overrides',
    EpilogSlurmctld: `${scripts}/epilog-slurmctld`,
    ...(options.dynamic ? dynamicParameters : cloudParameters(options, scripts)),
    PartitionName: 'batch Nodes=ALL Default=YES MaxTime=INFINITE State=UP',
  }
  const lines = Object.entries(parameters).map(([name, value]) =>
    name === 'Include' ? `Include ${value}` : `${name}=${value}`,
  )
  return `${lines.join('\n')}\n`
}

function cloudParameters(options: SlurmOptions, scripts: string): Record<string, string | number> {
  return {
    SlurmctldParameters:
      'enable_configless,cloud_reg_addrs,idle_on_node_suspend,power_save_interval=1,power_save_min_interval=0',
    ResumeProgram: `${scripts}/resume`,
    SuspendProgram: `${scripts}/suspend`,
    ResumeFailProgram: `${scripts}/resume-fail`,
    PrologSlurmctld: `${scripts}/prolog-slurmctld`,
    ResumeTimeout: options.resumeTimeout ?? 600,
    SuspendTimeout: options.suspendTimeout ?? 2,
    // A backstop only: Causeway decides when a node goes. INFINITE would switch power saving off altogether.
    SuspendTime: 86400,
    ResumeRate: 0,
    SuspendRate: 0,
    MaxNodeCount: 64,
    Include: slurmNodesPath.split('/').at(-1) ?? '',
  }
}

const dynamicParameters = {
  SlurmctldParameters: 'enable_configless,cloud_reg_addrs',
  MaxNodeCount: 64,
}

/** A user of the host's passwd file. */
function ownerOf(host: LabHost, user: string): Owner {
  const line = host
    .read('/etc/passwd')
    .split('\n')
    .find((entry) => entry.startsWith(`${user}:`))
  const fields = line?.split(':')
  if (!fields) throw new Error(`${host.name} has no user ${user}: is its Debian package installed?`)
  return { uid: Number(fields[2]), gid: Number(fields[3]) }
}

function makeFolder(host: LabHost, path: string, owner: Owner, mode: number): void {
  mkdirSync(host.path(path), { recursive: true })
  chownSync(host.path(path), owner.uid, owner.gid)
  chmodSync(host.path(path), mode)
}
