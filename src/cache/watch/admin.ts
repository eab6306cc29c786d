import { Readable } from 'node:stream'
import { type TypeBoxTypeProvider, TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify'
import { answerError, answerUnknownRoute } from '../../base/api/answer-error.ts'
import type { TypedApp } from '../../base/api/typed-app.ts'
import { toCausewayError } from '../../base/errors.ts'

/** The routes of one room of the cache. */
export type AdminRoutes = (app: TypedApp) => void

/** Builds what `causeway cache status` and the other commands talk to; it never listens by itself. */
export function buildAdmin(rooms: readonly AdminRoutes[]): FastifyInstance {
  const app: FastifyInstance = Fastify({ forceCloseConnections: true })
  app.setValidatorCompiler(TypeBoxValidatorCompiler)
  app.setErrorHandler(answerError)
  app.setNotFoundHandler(answerUnknownRoute)
  void app.register(async (scope) => {
    for (const routes of rooms) routes(scope.withTypeProvider<TypeBoxTypeProvider>())
  })
  return app
}

/**
 * Answers with a JSON value a line, each sent as it comes: progress, then the result as the last one. An error becomes a
 * last line `{"error": {"code", "message"}}`.
 */
export function sendLines(reply: FastifyReply, values: AsyncIterable<unknown>): FastifyReply {
  return reply.type('application/x-ndjson').send(Readable.from(linesOf(values)))
}

async function* linesOf(values: AsyncIterable<unknown>): AsyncGenerator<string> {
  try {
    for await (const value of values) yield `${JSON.stringify(value)}\n`
  } catch (thrown) {
    const { code, message } = toCausewayError(thrown)
    yield `${JSON.stringify({ error: { code, message } })}\n`
  }
}
