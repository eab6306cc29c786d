import type { ServerResponse } from 'node:http'
import type { ArrivingHead } from '../fill/fill.ts'
import { ageSeconds } from '../rules/freshness.ts'
import type { Stored } from '../store/port.ts'
import type { Found } from './find.ts'
import { type Outcome, type Reply, replyTo } from './reply.ts'
import type { CacheRequest } from './request.ts'
import { sendBody, sendWhole } from './send.ts'

/** What the log will say of a request; filled in while it is answered. */
export interface Telling {
  outcome: Outcome
  /** Bytes of the body that were sent. */
  bytes: number
}

/** Sends what was found, as much of it as was asked for. Rejects when it could not be sent to its end. */
export async function deliver(
  request: CacheRequest,
  res: ServerResponse,
  found: Exclude<Found, { kind: 'not kept' | 'comes round' }>,
  nowMs: number,
  telling: Telling,
): Promise<void> {
  telling.outcome = found.outcome
  if (found.kind === 'head') {
    sendHead(res, replyTo('HEAD', request.headers, { ...available(found.head), outcome: found.outcome }))
    return
  }
  if (found.kind === 'kept' && found.stored.body) {
    deliverSmall(request, res, found.stored, found.stored.body, nowMs, telling)
    return
  }
  if (found.kind === 'kept') {
    const { stored, outcome } = found
    try {
      await sendBody(res, replyToKept(request, stored, outcome, nowMs), stored, telling)
    } finally {
      await stored.close()
    }
    return
  }
  const { fill, outcome } = found
  const reply = replyTo(request.method, request.headers, { ...available(fill.head), outcome })
  const reader = fill.read(reply.start, reply.end)
  try {
    await sendBody(res, reply, reader, telling)
  } finally {
    reader.close()
  }
}

/** Sends a kept response whose body is in memory, at once. */
function deliverSmall(
  request: CacheRequest,
  res: ServerResponse,
  stored: Stored,
  body: Buffer,
  nowMs: number,
  telling: Telling,
): void {
  telling.bytes += sendWhole(res, replyToKept(request, stored, telling.outcome, nowMs), body)
}

function replyToKept(request: CacheRequest, stored: Stored, outcome: Outcome, nowMs: number): Reply {
  const { status, headers, length } = stored
  const age = ageSeconds(headers, stored.validatedAtMs, nowMs)
  return replyTo(request.method, request.headers, { status, headers, length, age, outcome })
}

function available({ status, headers, length }: ArrivingHead) {
  return { status, headers, length, age: ageSeconds(headers, 0, 0) }
}

function sendHead(res: ServerResponse, reply: Reply): void {
  res.writeHead(reply.status, reply.headers)
  res.end()
}
