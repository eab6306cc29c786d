import { CausewayError, type ErrorCode, type Facts } from '../../base/errors.ts'
import type { HttpAnswer } from '../http/http-client.ts'
import { retryAfterMs } from '../http/retry-after.ts'

/** The facts' key with the status of an answer that said no. */
const statusFact = 'status'

/**
 * What an answer that is no success means.
 *
 * The services say why each in its own form: `{"forbidden": {"message"}}` (Nova), `{"NeutronError": {"type", "message"}}`,
 * `{"error": {"message"}}` (Keystone), HTML (Glance, and proxies before any of them).
 * @param what the question, for the message
 */
export function refusal(what: string, answer: HttpAnswer, nowMs: number): CausewayError {
  const { status } = answer
  const reason = reasonOf(answer.text)
  const waitMs = retryAfterMs(answer.header('retry-after'), nowMs)
  const code = codeOf(status, reason)
  const facts: Facts = { [statusFact]: status, ...(waitMs === null ? {} : { retryAfterMs: waitMs }) }
  const message = `${what}: ${status}${reason === '' ? '' : ` ${redacted(reason)}`}${hintFor(status)}`
  // What is in the way of a 409 may go away by itself: a task under way, an address not yet free again.
  return new CausewayError(code, message, {
    facts,
    ...(status === 409 && code === 'CommandFailed' ? { retryable: true } : {}),
  })
}

/** Whether an error says that what was asked for is not there. */
export function isAbsent(error: unknown): boolean {
  return error instanceof CausewayError && error.facts[statusFact] === 404
}

/** Whether an error leaves open what happened. */
export function isUnclear(error: unknown): boolean {
  return (
    !(error instanceof CausewayError) ||
    error.code === 'HostUnreachable' ||
    error.code === 'CommandTimeout' ||
    error.code === 'MalformedOutput'
  )
}

/** Why a server could not be built, out of its `fault`. */
export function faultOf(name: string, fault: string | undefined): CausewayError {
  const reason = redacted(fault ?? 'no fault is told')
  return new CausewayError(codeOfFault(reason), `the server of ${name} could not be built: ${reason}`)
}

function codeOfFault(reason: string): ErrorCode {
  if (/no valid host|exhausted all hosts|maximum number of retries|insufficient compute/i.test(reason)) {
    return 'InsufficientCapacity'
  }
  return isQuota(reason) ? 'QuotaExceeded' : 'CommandFailed'
}

function codeOf(status: number, reason: string): ErrorCode {
  if (status === 401) return 'Unauthorized'
  if ((status === 403 || status === 409 || status === 413) && isQuota(reason)) return 'QuotaExceeded'
  if (status === 403) return 'Unauthorized'
  if (status === 413 || status === 429) return 'RateLimited'
  // IpAddressGenerationFailure: "No more IP addresses available on network ...".
  if (status === 409 && /no more ip addresses/i.test(reason)) return 'InsufficientCapacity'
  if (status === 400 || status === 406) return 'InvalidRequest'
  return status >= 500 ? 'HostUnreachable' : 'CommandFailed'
}

function isQuota(reason: string): boolean {
  return /quota exceeded|exceeded.* quota|maximum number of \w+ exceeded/i.test(reason)
}

function hintFor(status: number): string {
  return status === 406 ? ' (Nova must know microversion 2.69: OpenStack Stein or later)' : ''
}

function reasonOf(text: string): string {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    return text
      .replaceAll(/<(style|script)[\s\S]*?<\/\1>|<[^>]*>/g, ' ')
      .replaceAll(/\s+/g, ' ')
      .trim()
  }
  for (const part of [body, ...Object.values(body !== null && typeof body === 'object' ? body : {})]) {
    const message: unknown = (part as { message?: unknown } | null)?.message
    if (typeof message === 'string') return message
    if (part !== body && typeof part === 'string') return part
  }
  return ''
}

/** Without what a service may have quoted of the request: a schema's error repeats the value, which may be a seed. */
function redacted(reason: string): string {
  return reason
    .replace(/Value:[\s\S]*$/, '')
    .replaceAll(/[A-Za-z0-9+/=_-]{48,}/g, '…')
    .slice(0, 300)
    .trim()
}
