/**
 * The failures that Causeway knows by name. Each shows up under this code in logs, events, `causeway why` and the API.
 *
 * - `InvalidConfig`, `InvalidRequest`: the caller must change something; the message names the place and the way out.
 * - `Unauthorized`, `NotFound`, `Conflict`: as in HTTP.
 * - `RateLimited`, `Overloaded`: a caller asks more often than it may, or more comes than can be taken; later it will be.
 * - `HostUnreachable`: no connection, or it broke; nothing is known about what the host holds.
 * - `HostKeyMismatch`: the host answered with a key other than the pinned one; never retried by itself.
 * - `CommandFailed`, `CommandTimeout`: a program ran and did not succeed, or did not end in time.
 * - `MalformedOutput`: a program answered something that is not what its interface promises; the round is unread.
 * - `SchedulerUnreachable`: the queue could not be read or told; nothing is concluded about it.
 * - `InsufficientCapacity`, `QuotaExceeded`, `ImageMissing`, `MachineLost`: why a site could not deliver or keep a machine.
 * - `BootTimeout`, `InstallTimeout`, `EnrolTimeout`: a phase of a node's life passed its deadline.
 * - `NodeReportedFailure`: the node itself said that it could not go on.
 * - `OriginUnreachable`: no server that has the file answers the package cache.
 * - `TargetRefused`: the package cache was led to a host or an address that it may not ask.
 * - `TransferBroken`: a body ended before or after the length that was promised, or changed while it came.
 * - `DigestMismatch`: a body is not what its index says.
 * - `StoreFull`: the package cache has no room for another body and nothing that it may throw away.
 * - `BadSignature`: a keyring doesn't vouch for an index.
 * - `DamagedBody`: a kept body is not what was written.
 */
export type ErrorCode =
  | 'InvalidConfig'
  | 'InvalidRequest'
  | 'Unauthorized'
  | 'NotFound'
  | 'Conflict'
  | 'RateLimited'
  | 'Overloaded'
  | 'HostUnreachable'
  | 'HostKeyMismatch'
  | 'CommandFailed'
  | 'CommandTimeout'
  | 'MalformedOutput'
  | 'SchedulerUnreachable'
  | 'InsufficientCapacity'
  | 'QuotaExceeded'
  | 'ImageMissing'
  | 'MachineLost'
  | 'CreateTimeout'
  | 'BootTimeout'
  | 'InstallTimeout'
  | 'EnrolTimeout'
  | 'NodeReportedFailure'
  | 'OriginUnreachable'
  | 'TargetRefused'
  | 'TransferBroken'
  | 'DigestMismatch'
  | 'BadSignature'
  | 'StoreFull'
  | 'DamagedBody'
  | 'Internal'

/** Codes after which doing the same thing again may succeed without anyone changing anything. */
const retryableCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'RateLimited',
  'Overloaded',
  'HostUnreachable',
  'CommandTimeout',
  'SchedulerUnreachable',
  'InsufficientCapacity',
  'MachineLost',
  'CreateTimeout',
  'BootTimeout',
  'InstallTimeout',
  'EnrolTimeout',
  'OriginUnreachable',
  'TransferBroken',
  'DamagedBody',
])

/** JSON-able details of a failure: the host, the command, the line, never a secret. */
export type Facts = Readonly<Record<string, unknown>>

/** The one error class of the project: a code, whether a retry can help, facts, and the cause that led here. */
export class CausewayError extends Error {
  readonly code: ErrorCode
  readonly retryable: boolean
  readonly facts: Facts

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; facts?: Facts; retryable?: boolean } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    this.name = 'CausewayError'
    this.code = code
    this.retryable = options.retryable ?? retryableCodes.has(code)
    this.facts = options.facts ?? {}
  }
}

/** What was thrown, as a `CausewayError`: itself, or wrapped as `Internal` with its cause kept. */
export function toCausewayError(thrown: unknown): CausewayError {
  if (thrown instanceof CausewayError) return thrown
  return new CausewayError('Internal', thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown })
}
