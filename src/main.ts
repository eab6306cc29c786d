#!/usr/bin/env node
import { Command } from 'commander'
import { CausewayError, toCausewayError } from './base/errors.ts'
import { cacheCommand } from './cli/cache.ts'
import { controllerCommand } from './cli/controller.ts'
import { hostsCommand } from './cli/hosts.ts'
import { networkCommand } from './cli/network.ts'
import { nodesCommand } from './cli/nodes.ts'
import { policyCommand } from './cli/policy.ts'
import { replayCommand } from './cli/replay.ts'
import { simulateCommand } from './cli/simulate.ts'
import { slurmNodesCommand } from './cli/slurm-nodes.ts'
import { statusCommand } from './cli/status.ts'
import { timelineCommand } from './cli/timeline.ts'
import { whyCommand } from './cli/why.ts'

const program = new Command('causeway')
  .description('grows one virtual batch cluster over several sites')
  .addCommand(controllerCommand())
  .addCommand(cacheCommand())
  .addCommand(statusCommand())
  .addCommand(networkCommand())
  .addCommand(nodesCommand())
  .addCommand(timelineCommand())
  .addCommand(whyCommand())
  .addCommand(policyCommand())
  .addCommand(replayCommand())
  .addCommand(simulateCommand())
  .addCommand(slurmNodesCommand())
  .addCommand(hostsCommand())

try {
  await program.parseAsync()
} catch (thrown) {
  const error = toCausewayError(thrown)
  process.stderr.write(`causeway: ${error.message}\n`)
  if (!(thrown instanceof CausewayError) && error.cause instanceof Error) process.stderr.write(`${error.cause.stack}\n`)
  process.exitCode = error.code === 'InvalidConfig' || error.code === 'InvalidRequest' ? 2 : 1
}
