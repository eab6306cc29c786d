import { type TypeBoxTypeProvider, TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import Fastify, { type FastifyInstance } from 'fastify'
import { CausewayError } from '../base/errors.ts'
import { matchesHash } from '../elastic/tokens.ts'
import { answerError, answerUnknownRoute } from './answer-error.ts'
import type { AppServices } from './app-services.ts'
import { bearerToken } from './bearer-token.ts'
import { hookRoutes } from './hook-routes.ts'
import { nodeRoutes } from './node-routes.ts'
import { policyRoutes } from './policy-routes.ts'
import { readRoutes } from './read-routes.ts'

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
    policyRoutes(guarded.withTypeProvider<TypeBoxTypeProvider>(), services)
  })
  return app
}
