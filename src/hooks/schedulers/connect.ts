import type { Clock } from '../../base/clock.ts'
import type { CausewayError } from '../../base/errors.ts'
import type { Host } from '../../base/host.ts'
import type { SchedulerConfig } from '../../config/controller-schema.ts'
import type { PlacementRule } from '../../elastic/plan/policy.ts'
import type { Registration, Role, Scheduler } from '../../elastic/scheduler.ts'
import { sgeRole } from './sge/role.ts'
import { SgeScheduler } from './sge/scheduler.ts'
import type { SlurmOptions } from './slurm/client.ts'
import { SlurmDynamicScheduler } from './slurm/dynamic.ts'
import { keptFiles } from './slurm/kept-files.ts'
import { SlurmRest } from './slurm/rest.ts'
import { slurmRole } from './slurm/role.ts'
import { SlurmScheduler } from './slurm/scheduler.ts'
import { TokenFromSlurm, tokenFromFile } from './slurm/token.ts'
import { torqueRole } from './torque/role.ts'
import { TorqueScheduler } from './torque/scheduler.ts'

/** What the controller has of the batch queue: the port to it, and what makes a machine a node of it. */
export interface Connection {
  readonly scheduler: Scheduler
  readonly role: Role
  /** Ends what is kept open to the scheduler; nothing is asked of it any more. */
  close(): Promise<void>
}

/** What adapters keep the scheduler up to date with. */
export interface Configured {
  /** All nodes that there may be, as configured when it is asked; the same list as long as they are the same. */
  readonly possible: () => readonly Registration[]
  /** The policy's rules for jobs of several nodes, likewise. */
  readonly placement: () => readonly PlacementRule[]
  /** Is told what the scheduler could not be told of the configuration, and what an admin has to do. */
  readonly onProblem: (problem: CausewayError) => void
}

/**
 * Chooses the adapter. Nothing is asked of the scheduler yet.
 * @param host where the scheduler's commands run, as one of its administrators
 */
export async function connectScheduler(
  config: SchedulerConfig,
  host: Host,
  clock: Clock,
  { possible, placement, onProblem }: Configured,
): Promise<Connection> {
  switch (config.kind) {
    case 'slurm': {
      const options = slurmOptions(config, host, clock)
      const scheduler =
        config.nodes === 'dynamic'
          ? new SlurmDynamicScheduler({ ...options, possible, files: keptFiles(config.conf, undefined, placement) })
          : new SlurmScheduler(options, {
              possible,
              files: keptFiles(config.conf, config.nodesFile, placement),
              onProblem,
            })
      return { scheduler, role: await slurmRole(config), close: async () => options.rest?.close() }
    }
    case 'torque': {
      const { prefix, placeholder } = config
      return {
        scheduler: new TorqueScheduler({ host, prefix, placeholder, clock, possible }),
        role: await torqueRole(config),
        close: keepsNothingOpen,
      }
    }
    case 'sge':
      return {
        scheduler: new SgeScheduler({ host, clock, possible, ...config }),
        role: await sgeRole(config),
        close: keepsNothingOpen,
      }
  }
}

async function keepsNothingOpen(): Promise<void> {}

function slurmOptions(
  config: SchedulerConfig<'slurm'>,
  host: Host,
  clock: Clock,
): SlurmOptions & { readonly rest?: SlurmRest } {
  const { conf, rest } = config
  const reached = { host, conf, clock }
  if (!rest) return reached
  const { url, user, tokenFile } = rest
  const tokens = tokenFile === undefined ? new TokenFromSlurm(reached, user) : tokenFromFile(tokenFile)
  return { ...reached, rest: new SlurmRest({ url, user, tokens }) }
}
