#!/usr/bin/env node
import { Command, CommanderError } from 'commander'
import { CausewayError, toCausewayError } from './base/errors.ts'
import { commands } from './cli/commands.ts'

/** The exit status where the caller must change something: the command line, or a configuration. */
const misused = 2

const program = new Command('causeway')
  .description('grows one virtual batch cluster over several sites')
  // What stands behind a command's name is that command's, also where the command has commands of its own.
  .enablePositionalOptions()
const asked = commands[process.argv[2] ?? '']
for (const load of asked ? [asked] : Object.values(commands)) program.addCommand(await load())

/** Has a wrong command line thrown, and said already, rather than end the process by itself. */
function throwMisuse(command: Command): void {
  command.exitOverride()
  for (const one of command.commands) throwMisuse(one)
}
throwMisuse(program)

try {
  await program.parseAsync()
} catch (thrown) {
  if (thrown instanceof CommanderError) process.exit(thrown.exitCode === 0 ? 0 : misused)
  const error = toCausewayError(thrown)
  process.stderr.write(`causeway: ${error.message}\n`)
  if (!(thrown instanceof CausewayError) && error.cause instanceof Error) process.stderr.write(`${error.cause.stack}\n`)
  process.exitCode = error.code === 'InvalidConfig' || error.code === 'InvalidRequest' ? misused : 1
}
