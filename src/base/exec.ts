import { CausewayError } from './errors.ts'
import type { ExecOptions, Host } from './host.ts'

/**
 * Runs a command that must succeed and returns its standard output.
 * @throws CausewayError `CommandFailed` with status and the end of stderr in the message; else as `Host.exec`.
 */
export async function execChecked(host: Host, argv: readonly string[], options: ExecOptions = {}): Promise<string> {
  const result = await host.exec(argv, options)
  if (result.code !== 0) {
    const said = (result.stderr.trim() || result.stdout.trim()).slice(-2000)
    throw new CausewayError('CommandFailed', `${host.name}: ${argv[0]} ended with status ${result.code}: ${said}`, {
      facts: { host: host.name, argv: argv.slice(0, 8), code: result.code },
    })
  }
  return result.stdout
}
