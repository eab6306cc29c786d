import { chownSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { dirname } from 'node:path'
import { execChecked } from '../src/base/exec.ts'
import type { LabExecOptions, LabHost } from './host.ts'
import { until } from './until.ts'

/** SGE_ROOT on every host of a lab: a cell of its own, not the one that Debian's packages set up. */
export const sgeRoot = '/opt/gridengine'
export const sgeCell = 'default'
export const sgePort = 6444
export const sgeExecdPort = 6445

/** Where Debian's packages have the programs. `bin/lx-amd64` below SGE_ROOT leads there, as in every installation. */
const programs = '/usr/lib/gridengine'

/** What Grid Engine's commands and daemons find in their environment. */
export const sgeEnv: Readonly<Record<string, string>> = {
  SGE_ROOT: sgeRoot,
  SGE_CELL: sgeCell,
  SGE_QMASTER_PORT: String(sgePort),
  SGE_EXECD_PORT: String(sgeExecdPort),
  SGE_ARCH: 'lx-amd64',
  PATH: `${programs}:/usr/sbin:/usr/bin:/sbin:/bin`,
}

/** What the scheduler on a head is to be like. */
export interface SgeOptions {
  /** Seconds until a host that does not answer is lost (`au`). Default 30. */
  readonly maxUnheard?: number
  /** Default: parallel environments `mpi` ($round_robin), `smp` ($pe_slots) and `pernode` (two slots of each host). */
  readonly parallel?: Readonly<Record<string, string>>
}

/** The scheduler on a head. */
export interface LabSge {
  /** PID of sge_qmaster as the head sees it. */
  readonly pid: number
  /** Ends sge_qmaster (SIGTERM if absent, which lets it save) and resolves when it is gone. */
  kill(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>
  /** Starts sge_qmaster again, after it was killed; its state is kept. */
  restart(): Promise<void>
  /** Runs one of Grid Engine's commands on the head, as root (a manager) or as `user`; resolves to what it printed. */
  command(argv: readonly string[], options?: LabExecOptions): Promise<string>
  /** What sge_qmaster has logged. */
  log(): string
}

const spool = `${sgeRoot}/spool`
/** Where a host's sge_execd keeps its files, on the host's own tmpfs. */
const execdSpool = '/run/sge-spool'
const pidFile = `${spool}/qmaster/qmaster.pid`

/**
 * Sets up a cell and starts sge_qmaster on a head; resolves when it answers. Then does what an admin does with a stock
 * installation before there is any node: the head submits, jobs start soon, the queue `all.q`, parallel environments.
 * The head must know its own name; sge_qmaster listens on all its addresses.
 */
export async function startSge(head: LabHost, options: SgeOptions = {}): Promise<LabSge> {
  await makeCell(head)
  let pid = await startQmaster(head)
  const sge: LabSge = {
    get pid() {
      return pid
    },
    async kill(signal = 'SIGTERM') {
      await execChecked(head, ['kill', `-${signal.slice(3)}`, String(pid)])
      await until('sge_qmaster is gone', 120_000, async () => (await head.exec(['kill', '-0', String(pid)])).code !== 0)
    },
    async restart() {
      pid = await startQmaster(head)
    },
    command: (argv, more = {}) => execChecked(envHost(head, more), argv),
    log: () => head.read(`${spool}/qmaster/messages`),
  }
  await configure(head, sge, options)
  return sge
}

/** What every host of the cell must have below SGE_ROOT: where the programs are, who the master is. */
function writeSgeCommon(host: LabHost, head: string): void {
  const admin = ownerOf(host)
  for (const kind of ['bin', 'lib', 'utilbin']) {
    mkdirSync(host.path(`${sgeRoot}/${kind}`), { recursive: true })
    link(programs, host.path(`${sgeRoot}/${kind}/lx-amd64`))
  }
  link('/usr/share/gridengine/util', host.path(`${sgeRoot}/util`))
  const stock = readFileSync('/usr/share/gridengine/default-bootstrap', 'utf8')
  const bootstrap = stock
    .replace(/^(spooling_params\s+).*$/m, `$1${spool}/spooldb`)
    .replace(/^(qmaster_spool_dir\s+).*$/m, `$1${spool}/qmaster`)
  host.write(`${sgeRoot}/${sgeCell}/common/bootstrap`, { content: bootstrap, ...admin })
  host.write(`${sgeRoot}/${sgeCell}/common/act_qmaster`, { content: `${head}\n`, ...admin })
}

/** Starts sge_execd on a host beside the head, which the cell must have as an administrative and execution host. */
export async function startExecd(host: LabHost, head: string): Promise<void> {
  writeSgeCommon(host, head)
  makeFolder(host, execdSpool)
  await execChecked(envHost(host), ['sge_execd'])
}

async function makeCell(head: LabHost): Promise<void> {
  writeSgeCommon(head, head.name)
  const folders = [`${sgeRoot}/${sgeCell}`, `${sgeRoot}/${sgeCell}/common`, spool, `${spool}/qmaster/job_scripts`]
  for (const folder of [sgeRoot, ...folders, `${spool}/qmaster`, `${spool}/spooldb`]) makeFolder(head, folder)
  const init = '/usr/share/gridengine/scripts/init_cluster'
  await execChecked(asAdmin(head), [init, sgeRoot, sgeCell, `${spool}/spooldb`, 'sgeadmin'])
}

async function startQmaster(head: LabHost): Promise<number> {
  rmSync(head.path(pidFile), { force: true })
  await execChecked(envHost(head), ['sge_qmaster'])
  await until(
    'sge_qmaster answers',
    120_000,
    async () => (await head.exec(['qconf', '-sh'], { env: sgeEnv })).code === 0,
  )
  return Number(head.read(pidFile).trim())
}

async function configure(head: LabHost, sge: LabSge, options: SgeOptions): Promise<void> {
  const { maxUnheard = 30, parallel = { mpi: '$round_robin', smp: '$pe_slots', pernode: '2' } } = options
  const set = (text: string, values: Readonly<Record<string, string>>) =>
    Object.entries(values).reduce(
      (now, [name, value]) => now.replace(new RegExp(`^(${name}\\s+).*$`, 'm'), (_, start) => `${start}${value}`),
      text,
    )
  const change = async (flag: string, name: string, content: string) => {
    head.write(`/run/sge-admin/${name}`, { content })
    await sge.command(['qconf', flag, `/run/sge-admin/${name}`])
  }
  await sge.command(['qconf', '-as', head.name])
  const limits = { load_report_time: '00:00:05', max_unheard: `00:00:${String(maxUnheard).padStart(2, '0')}` }
  const files = { execd_spool_dir: execdSpool, gid_range: '65400-65500', min_uid: '1000', min_gid: '1000' }
  await change('-Mconf', 'global', set(await sge.command(['qconf', '-sconf', 'global']), { ...limits, ...files }))
  const soon = { schedule_interval: '0:0:2', flush_submit_sec: '1', flush_finish_sec: '1', schedd_job_info: 'true' }
  await change('-Msconf', 'scheduler', set(await sge.command(['qconf', '-ssconf']), soon))
  for (const [name, rule] of Object.entries(parallel)) await change('-Ap', name, renderParallel(name, rule))
  const queue = { pe_list: Object.keys(parallel).join(' '), shell: '/bin/sh', rerun: 'TRUE', load_thresholds: 'NONE' }
  await change('-Aq', 'all.q', set(queueTemplate, queue))
}

function renderParallel(name: string, rule: string): string {
  const values = {
    pe_name: name,
    slots: 9999,
    user_lists: 'NONE',
    xuser_lists: 'NONE',
    start_proc_args: 'NONE',
    stop_proc_args: 'NONE',
    allocation_rule: rule,
    control_slaves: 'TRUE',
    job_is_first_task: 'FALSE',
    urgency_slots: 'min',
    accounting_summary: 'FALSE',
    qsort_args: 'NONE',
  }
  return lines(values)
}

const limitNames = ['rt', 'cpu', 'fsize', 'data', 'stack', 'core', 'rss', 'vmem']

/** A queue as the manual page queue_conf(5) has it, with no host. */
const queueTemplate = lines({
  qname: 'all.q',
  hostlist: 'NONE',
  seq_no: 0,
  load_thresholds: 'NONE',
  suspend_thresholds: 'NONE',
  nsuspend: 1,
  suspend_interval: '00:05:00',
  priority: 0,
  min_cpu_interval: '00:05:00',
  processors: 'UNDEFINED',
  qtype: 'BATCH INTERACTIVE',
  ckpt_list: 'NONE',
  pe_list: 'NONE',
  rerun: 'FALSE',
  slots: 1,
  tmpdir: '/tmp',
  shell: '/bin/sh',
  prolog: 'NONE',
  epilog: 'NONE',
  shell_start_mode: 'posix_compliant',
  starter_method: 'NONE',
  suspend_method: 'NONE',
  resume_method: 'NONE',
  terminate_method: 'NONE',
  notify: '00:00:60',
  owner_list: 'NONE',
  user_lists: 'NONE',
  xuser_lists: 'NONE',
  subordinate_list: 'NONE',
  complex_values: 'NONE',
  projects: 'NONE',
  xprojects: 'NONE',
  calendar: 'NONE',
  initial_state: 'default',
  ...Object.fromEntries(limitNames.flatMap((name) => [[`s_${name}`, 'INFINITY'] as const, [`h_${name}`, 'INFINITY']])),
})

function lines(values: Readonly<Record<string, string | number>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name.padEnd(21)} ${value}\n`)
    .join('')
}

/** The host, with what Grid Engine's programs need in the environment of each command. */
function envHost(host: LabHost, more: LabExecOptions = {}) {
  return {
    name: host.name,
    exec: (argv: readonly string[], options: LabExecOptions = {}) =>
      host.exec(argv, { ...options, ...more, env: { ...sgeEnv, ...more.env } }),
    close: () => Promise.resolve(),
  }
}

function asAdmin(host: LabHost) {
  return envHost(host, { user: 'sgeadmin' })
}

function ownerOf(host: LabHost): { uid: number; gid: number } {
  const fields = /^sgeadmin:[^:]*:(\d+):(\d+):/m.exec(host.read('/etc/passwd'))
  if (!fields) throw new Error(`${host.name} has no user sgeadmin: are Grid Engine's Debian packages installed?`)
  return { uid: Number(fields[1]), gid: Number(fields[2]) }
}

function makeFolder(host: LabHost, path: string): void {
  const { uid, gid } = ownerOf(host)
  mkdirSync(host.path(path), { recursive: true })
  chownSync(host.path(path), uid, gid)
}

function link(target: string, path: string): void {
  mkdirSync(dirname(path), { recursive: true })
  rmSync(path, { force: true })
  symlinkSync(target, path)
}
