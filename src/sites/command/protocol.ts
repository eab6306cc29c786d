import type { ErrorCode } from '../../base/errors.ts'
import type { NoCloud } from '../cloud-init/no-cloud.ts'
import type { MachineSpec } from '../driver.ts'

/** The protocol's name; a program refuses (64) a document that carries another. */
export const protocolName = 'causeway-driver/1'

/** The last argument of a driver program: what is asked of it. */
export type Verb = 'list' | 'create' | 'delete' | 'console' | 'capacity'

/** The document that a driver program finds on its standard input. */
export interface Question {
  readonly protocol: typeof protocolName
  /** The site's name. */
  readonly site: string
  /** The cluster whose machines are meant. */
  readonly cluster: string
  /** The site's own settings for the program, as its configuration has them. */
  readonly settings: Readonly<Record<string, unknown>>
  /** `delete` and `console`: which machine. */
  readonly id?: string
  /** `create`: what to create. */
  readonly machine?: MachineSpec
  /** `create`: the same as cloud-init's NoCloud datasource wants it, ready to be written to a volume called `cidata`. */
  readonly noCloud?: NoCloud
}

/** What an exit status says. */
export interface StatusMeaning {
  readonly status: number
  readonly code: ErrorCode
  /** When to use it, for people. */
  readonly when: string
}

/** What a program says by its exit status (those of sysexits.h, where it has one); any other but 0 is `CommandFailed`. */
export const statusMeanings: readonly StatusMeaning[] = [
  { status: 64, code: 'InvalidRequest', when: 'the command is unknown, or the document is not one that it can take' },
  { status: 66, code: 'ImageMissing', when: 'the site does not have the image' },
  { status: 69, code: 'HostUnreachable', when: 'a host, or the API, that has to be asked does not answer' },
  { status: 73, code: 'InsufficientCapacity', when: 'no host that may take the machine has room for it' },
  { status: 74, code: 'QuotaExceeded', when: 'the account may not have more' },
  { status: 75, code: 'RateLimited', when: 'called too often; `retryAfterMs` in the error says when to come again' },
  { status: 76, code: 'HostKeyMismatch', when: 'a host is not the one that it should be' },
  { status: 77, code: 'Unauthorized', when: 'the site does not accept the credentials' },
  { status: 124, code: 'CommandTimeout', when: 'it took too long; `timeout` of coreutils says it so' },
  { status: 137, code: 'CommandTimeout', when: 'it was killed, as it is some time after its time limit' },
]

/** Bytes that a program may print, stdout and stderr together. */
export const answerLimitBytes = 16 * 1024 * 1024
