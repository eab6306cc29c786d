import { randomBytes } from 'node:crypto'
import { Command, Option } from 'commander'
import { CausewayError } from '../base/errors.ts'
import { parseDuration } from '../config/units.ts'
import { checkDriver, type Finding } from '../sites/command/check/check.ts'
import { LocalHost } from '../sites/local-host.ts'

/** What ends the check early; its machines are removed all the same. */
const signals = ['SIGINT', 'SIGTERM'] as const

interface Flags {
  image: string
  type: string
  cpus: number
  memory: number
  bridge: string
  settings: Record<string, unknown>
  timeout: number
  keep?: boolean
  json?: boolean
}

/** `causeway driver check -- CMD ARGS`: whether a program keeps what a driver program promises; exits with 1 when it does not. */
export function driverCheckCommand(): Command {
  return new Command('check')
    .description(
      'make a few machines with a driver program, and say of each promise of the protocol whether it keeps it',
    )
    .argument('<program...>', 'the program and its arguments, behind --')
    .requiredOption('--image <image>', 'an image that the program can make a machine from')
    .option('--type <type>', 'the node type', 'standard')
    .option('--cpus <number>', 'processors of a machine', positive('--cpus'), 1)
    .option('--memory <MiB>', 'memory of a machine, MiB', positive('--memory'), 512)
    .option('--bridge <name>', 'the bridge that machines are plugged into', 'cw1')
    .option('--settings <json>', "the site's settings for the program", parseSettings, {})
    .addOption(
      new Option('--timeout <duration>', 'a call that takes longer is ended')
        .argParser(parseDuration)
        .default(120_000, '2m'),
    )
    .option('--keep', 'delete nothing in the end, for a look at the machines of broken promises')
    .option('--json', 'print the findings as JSON')
    .action(async (program: string[], flags: Flags) => {
      const { image, type, cpus, memory: memoryMiB, bridge, settings, timeout: timeoutMs } = flags
      const host = new LocalHost('head')
      const tag = randomBytes(4).toString('hex')
      const machine = { image, type, cpus, memoryMiB, bridge }
      const tell = (finding: Finding) => void (flags.json || process.stdout.write(showFinding(finding)))
      const interrupted = new AbortController()
      const interrupt = () => interrupted.abort()
      for (const name of signals) process.once(name, interrupt)
      try {
        const options = { site: 'check', host, program, settings, timeoutMs, tag, machine }
        const findings = await checkDriver(options, { tell, keep: flags.keep === true, signal: interrupted.signal })
        const failed = findings.filter(({ result }) => result !== 'kept').length
        const text = `${findings.length - failed} of ${findings.length} promises are kept${interrupted.signal.aborted ? '; the others were not tried' : ''}`
        process.stdout.write(`${flags.json ? JSON.stringify(findings, null, 2) : text}\n`)
        if (failed > 0 || interrupted.signal.aborted) process.exitCode = 1
      } finally {
        for (const name of signals) process.off(name, interrupt)
        await host.close()
      }
    })
}

const marks = { kept: 'ok', broken: 'FAILED', untried: 'untried' } as const

/** A finding as text: a line, and why and what to do where it needs to be said. */
export function showFinding({ name, promise, result, why, remedy }: Finding): string {
  const line = `${marks[result].padEnd(7)}  ${name}: ${promise}\n`
  return result === 'kept' ? line : `${line}         ${why}\n         -> ${remedy}\n`
}

function positive(flag: string): (text: string) => number {
  return (text) => {
    if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
    throw new CausewayError('InvalidRequest', `${flag}: expected a whole number, at least 1, got "${text}"`)
  }
}

function parseSettings(text: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new CausewayError('InvalidRequest', `--settings: expected a JSON object, got "${text}"`, { cause })
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new CausewayError('InvalidRequest', `--settings: expected a JSON object, got "${text}"`)
}
