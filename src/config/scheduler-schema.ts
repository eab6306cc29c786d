import { Type } from 'typebox'
import { Path, Whole } from './fields.ts'

/** Whether the scheduler's own commands are to show why a job is where it is. */
const explain = Type.Boolean({ default: true })

const HostName = (options: { default?: string } = {}) =>
  Type.String({ ...options, pattern: '^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$', expected: 'a host name' })

/** The name of a queue, a host group or a cell. */
const ObjectName = (pattern: string, expected: string, options: { default?: string } = {}) =>
  Type.String({ ...options, pattern, expected })

/** Slurm, 22.05 and later. */
const Slurm = Type.Object({
  kind: Type.Literal('slurm'),
  conf: Path({ default: '/etc/slurm/slurm.conf' }),
  mungeKeyFile: Path({ default: '/etc/munge/munge.key' }),
  /** Where slurmctld listens, TCP. */
  port: Whole(1, 65_535, { default: 6817 }),
  /**
   * `cloud`: Slurm knows all nodes that there may be and asks for them. `dynamic`: nodes register themselves (`slurmd -Z`), Causeway makes
   * them for pending jobs.
   */
  nodes: Type.Union([Type.Literal('cloud'), Type.Literal('dynamic')], { default: 'cloud' }),
  /** The file with the nodes that slurm.conf includes, for the controller to keep up to date; left out: the admin does (`causeway slurm-nodes`). */
  nodesFile: Type.Optional(Path()),
  /** Read the queue from slurmrestd, not by `squeue --json` and `sinfo --json`. */
  rest: Type.Optional(
    Type.Object({
      /** `http://HOST:PORT`, or `unix:/PATH` for its socket. */
      url: Type.String({ pattern: '^(https?://[^\\s/]+|unix:/\\S+)$', expected: 'http://HOST:PORT or unix:/PATH' }),
      /** Whose token it is. */
      user: Type.String({ pattern: '^[a-z_][a-z0-9_-]*$', expected: 'a user name', default: 'slurm' }),
      /** The file with the JWT, which its owner keeps fresh; left out: the controller asks `scontrol token` for one. */
      tokenFile: Type.Optional(Path()),
    }),
  ),
  explain,
})

/** Grid Engine: Son of Grid Engine 8.1, and what agrees with it. */
const Sge = Type.Object({
  kind: Type.Literal('sge'),
  /** SGE_ROOT. */
  root: Path({ default: '/var/lib/gridengine' }),
  /** SGE_CELL. */
  cell: ObjectName('^[A-Za-z0-9_.-]+$', 'the name of a cell', { default: 'default' }),
  /** Where sge_qmaster and the nodes' sge_execd listen, TCP. */
  port: Whole(1, 65_535, { default: 6444 }),
  execdPort: Whole(1, 65_535, { default: 6445 }),
  /** The cluster queue that gets the nodes, and the host group that it has them from. */
  queue: ObjectName('^[A-Za-z0-9_.-]+$', 'the name of a queue', { default: 'all.q' }),
  hostGroup: ObjectName('^@[A-Za-z0-9_.-]+$', 'the name of a host group, with its @', { default: '@elastic' }),
  /** Parallel environments `NAME.SITE` are made from these, so that a job stays in one site. */
  parallel: Type.Array(ObjectName('^[A-Za-z0-9_.-]+$', 'the name of a parallel environment'), { default: ['mpi'] }),
  explain,
})

/** Torque 4 to 6. */
const Torque = Type.Object({
  kind: Type.Literal('torque'),
  /** Where it is installed: `PREFIX/bin/qstat`, `PREFIX/bin/qmgr`, `PREFIX/sbin/pbs_mom`. */
  prefix: Path({ default: '/usr/local' }),
  /** PBS_HOME of the server and of the nodes. */
  home: Path({ default: '/var/spool/torque' }),
  /** What the nodes know the server by; left out: `head.name`. */
  server: Type.Optional(HostName()),
  /** Where pbs_server listens, TCP. */
  port: Whole(1, 65_535, { default: 15_001 }),
  /** A host name for the placeholder node, which lets jobs in that are larger than the cluster is now. It must resolve. */
  placeholder: HostName({ default: 'causeway-placeholder' }),
  explain,
})

/** The batch queue, by its kind. */
export const SchedulerSchema = Type.Union([Slurm, Sge, Torque])
