import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { CausewayError } from '../base/errors.ts'

/** The time in which calls are counted, ms. */
const windowMs = 1000

/**
 * Answers 429 with `Retry-After` to a client that calls more often than this, on whatever address, before anything else is looked at.
 * A client is an address; all users of the unix socket together are one.
 */
export function limitRates(app: FastifyInstance, callsPerSecond: number): void {
  const quiet = { 'x-ratelimit-limit': false, 'x-ratelimit-remaining': false, 'x-ratelimit-reset': false }
  void app.register(rateLimit, {
    global: false,
    max: callsPerSecond,
    timeWindow: windowMs,
    keyGenerator: clientOf,
    addHeaders: quiet,
    addHeadersOnExceeding: quiet,
    errorResponseBuilder: () =>
      new CausewayError('RateLimited', `more than ${callsPerSecond} calls within a second: try again later`),
  })
  void app.after(() => app.addHook('onRequest', app.rateLimit()))
}

function clientOf(request: FastifyRequest): string {
  return request.raw.socket.remoteAddress ?? 'socket'
}
