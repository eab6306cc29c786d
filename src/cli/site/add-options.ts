import type { Command } from 'commander'
import { CausewayError } from '../../base/errors.ts'
import { scanHostKey } from '../../sites/scan-host-key.ts'
import { defaultConfigFile } from '../config-file.ts'
import { yesOrNo } from './ask.ts'
import type { Manner } from './carry-out.ts'
import type { Login } from './further-host.ts'
import { trusted } from './trust.ts'

/** Options of both commands that add something. */
export interface AddOptions {
  readonly address: string
  readonly config: string
  readonly port: string
  readonly user: string
  readonly key: string
  readonly yes?: boolean
  readonly install?: boolean
  readonly testNode: boolean
  readonly testMinutes: string
  readonly dryRun?: boolean
  readonly json?: boolean
}

/** Gives a command these options. */
export function withAddOptions(command: Command): Command {
  return command
    .option('--user <name>', 'for SSH', 'root')
    .option('--port <number>', 'for SSH', '22')
    .option('--key <file>', "the controller's private key", '/etc/causeway/id_ed25519')
    .option('--install', 'install Debian packages that new hosts lack')
    .option('--no-test-node', 'make no test node')
    .option('--test-minutes <number>', 'how long a test node may take to boot', '5')
    .option('--yes', 'ask nothing: --host-key must vouch for each new host')
    .option('--dry-run', 'show what would be added, and do nothing')
    .option('--json', 'print the report as JSON')
    .option('--config <file>', 'the configuration file', defaultConfigFile())
}

/** How the addition is to be made. @throws CausewayError `InvalidRequest` for what is no number */
export function mannerOf(options: AddOptions): Manner {
  return {
    ...options,
    isAsked: process.stdin.isTTY && options.yes !== true,
    testMs: options.testNode ? wholeOf('--test-minutes', options.testMinutes) * 60_000 : null,
  }
}

/**
 * The login to a host whose key the admin has vouched for.
 * @param name the host's, where several are spoken of; null: no other is
 * @param expected the fingerprint that he said beforehand
 * @throws CausewayError as `scanHostKey` and `trusted`
 */
export async function loginOf(
  options: AddOptions,
  address: string,
  name: string | null,
  expected: string | undefined,
): Promise<Login> {
  const { user, key: keyFile } = options
  const port = wholeOf('--port', options.port)
  const ask = mannerOf(options).isAsked ? yesOrNo : null
  const hostKey = await trusted(await scanHostKey(address, port), address, { expected, name, ask })
  return { address, port, user, keyFile, hostKey }
}

/** @throws CausewayError `InvalidRequest` for anything but a whole number from 1 to 999 999 */
export function wholeOf(option: string, text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text)
  throw new CausewayError('InvalidRequest', `${option} ${text}: expected a whole number of at least 1`)
}

/** For an option that may be repeated. */
export function several(value: string, before: readonly string[]): readonly string[] {
  return [...before, value]
}
