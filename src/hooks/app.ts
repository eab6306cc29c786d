import { type TypeBoxTypeProvider, TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Clock } from '../base/clock.ts'
import { CausewayError } from '../base/errors.ts'
import type { Reports } from '../elastic/reports.ts'
import { matchesHash } from '../elastic/tokens.ts'
import type { EventStore } from '../store/event-store.ts'
import { answerError, answerUnknownRoute } from './answer-error.ts'
import { hookRoutes } from './hook-routes.ts'
import { nodeRoutes } from './node-routes.ts'
import type { ReadModel } from './read-model.ts'
import { readRoutes } from './read-routes.ts'

/** What the routes stand on. */
export interface AppServices {
  readonly clock: Clock
  readonly events: EventStore
  readonly reports: Reports
  readonly readModel: ReadModel
  /** Wakes the loop. */
  wake(): void
}

/** Largest request body, bytes: a resume file of some ten thousand jobs. */
const bodyLimitBytes = 4 * 1024 * 1024

/**
 * Builds the HTTP application; it never listens by itself.
 * @param apiTokenHash SHA-256 in hex of the token that callers must show as `Authorization: Bearer`; null where the
 *   permissions of the unix socket guard the door. Nodes' own reports carry their own token and pass this door without.
 */
export function buildApp(services: AppServices, apiTokenHash: string | null): FastifyInstance {
  const app = Fastify({ bodyLimit: bodyLimitBytes, requestTimeout: 30_000, forceCloseConnections: 'idle' })
  app.setValidatorCompiler(TypeBoxValidatorCompiler)
  app.setErrorHandler(answerError)
  app.setNotFoundHandler(answerUnknownRoute)
  const typed = app.withTypeProvider<TypeBoxTypeProvider>()
  nodeRoutes(typed, services)
  void app.register(async (guarded) => {
    if (apiTokenHash !== null) {
      guarded.addHook('onRequest', async (request) => {
        const token = bearerToken(request.headers.authorization)
        if (token === null || !matchesHash(token, apiTokenHash)) {
          throw new CausewayError(
            'Unauthorized',
            'this address needs "Authorization: Bearer TOKEN" with the token of the API',
          )
        }
      })
    }
    hookRoutes(guarded.withTypeProvider<TypeBoxTypeProvider>(), services)
    readRoutes(guarded.withTypeProvider<TypeBoxTypeProvider>(), services)
  })
  return app
}

/** The token of an `Authorization: Bearer` header (RFC 6750 section 2.1), null if there is none. */
export function bearerToken(header: string | undefined): string | null {
  return /^Bearer ([A-Za-z0-9._~+/-]+=*)$/.exec(header ?? '')?.[1] ?? null
}
