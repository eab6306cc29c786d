import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { CausewayError, type ErrorCode, toCausewayError } from '../errors.ts'

const statusOf: Partial<Record<ErrorCode, number>> = {
  InvalidRequest: 400,
  InvalidConfig: 400,
  Unauthorized: 401,
  NotFound: 404,
  Conflict: 409,
  RateLimited: 429,
  Overloaded: 503,
}

/** Answers an error as `{"error": {"code", "message"}}` with the status that belongs to its code. */
export function answerError(error: unknown, _request: FastifyRequest, reply: FastifyReply): void {
  const { status, code, message } = describe(error)
  if (status === 429 || status === 503) void reply.header('retry-after', '1')
  void reply.status(status).send({ error: { code, message } })
}

/** Answers 404 in the same form. */
export function answerUnknownRoute(request: FastifyRequest, reply: FastifyReply): void {
  answerError(
    new CausewayError('NotFound', `there is no ${request.method} ${request.url.split('?')[0]}`),
    request,
    reply,
  )
}

function describe(error: unknown): { status: number; code: ErrorCode; message: string } {
  // Fastify's own refusals (body too large, not JSON, schema not met) carry a client status.
  const status = error instanceof CausewayError ? undefined : (error as FastifyError).statusCode
  if (status !== undefined && status >= 400 && status < 500) {
    return { status, code: 'InvalidRequest', message: (error as Error).message }
  }
  const known = toCausewayError(error)
  return { status: statusOf[known.code] ?? 500, code: known.code, message: known.message }
}
