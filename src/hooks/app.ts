import type { TLSSocket } from 'node:tls'
import { type TypeBoxTypeProvider, TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { answerError, answerUnknownRoute } from '../base/api/answer-error.ts'
import type { TypedApp } from '../base/api/typed-app.ts'
import { CausewayError } from '../base/errors.ts'
import { matchesHash } from '../elastic/tokens.ts'
import type { AppServices } from './app-services.ts'
import { bearerToken } from './bearer-token.ts'
import { hookRoutes } from './hook-routes.ts'
import { keyRoutes } from './key-routes.ts'
import { networkRoutes } from './network-routes.ts'
import { nodeRoutes } from './node-routes.ts'
import { describeRoutes } from './openapi.ts'
import { policyRoutes } from './policy-routes.ts'
import { limitRates } from './rates.ts'
import { readRoutes } from './read-routes.ts'
import { selfRoutes } from './self-routes.ts'
import { siteRoutes } from './site-routes.ts'

/** Largest request body, bytes: a resume file of some ten thousand jobs. */
const bodyLimitBytes = 4 * 1024 * 1024

/** How a door is guarded, and what is behind it. */
export interface DoorOptions {
  /**
   * SHA-256 in hex of the token that callers must show as `Authorization: Bearer`; null where the permissions of the unix
   * socket guard the door. Nodes' own reports carry their own token and pass this door without.
   */
  readonly apiTokenHash: string | null
  /** Everything, or only what nodes need. */
  readonly serves: 'all' | 'nodes'
  /** Calls a second that one client may make. */
  readonly callsPerSecond: number
  /** PEM; left out: no TLS. Who shows a certificate of `clientCa` needs no token. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa?: string }
}

/** Builds the HTTP application behind one door; it never listens by itself. */
export function buildApp(services: AppServices, options: DoorOptions): FastifyInstance {
  const { apiTokenHash, serves, callsPerSecond, tls } = options
  const common = { bodyLimit: bodyLimitBytes, requestTimeout: 30_000, forceCloseConnections: 'idle' } as const
  const app: FastifyInstance = tls ? Fastify({ ...common, https: tlsOptions(tls) }) : Fastify(common)
  app.setValidatorCompiler(TypeBoxValidatorCompiler)
  app.setErrorHandler(answerError)
  app.setNotFoundHandler(answerUnknownRoute)
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unknown'
    services.metrics.request(request.method, route, reply.statusCode, reply.elapsedTime)
  })
  limitRates(app, callsPerSecond)
  describeRoutes(app)
  void app.register(async (open) => nodeRoutes(open.withTypeProvider<TypeBoxTypeProvider>(), services))
  if (serves === 'nodes') return app
  void app.register(async (scope) => {
    if (apiTokenHash !== null) scope.addHook('onRequest', async (request) => checkCaller(request, apiTokenHash))
    const guarded: TypedApp = scope.withTypeProvider<TypeBoxTypeProvider>()
    hookRoutes(guarded, services)
    readRoutes(guarded, services)
    siteRoutes(guarded, services)
    policyRoutes(guarded, services)
    networkRoutes(guarded, services)
    keyRoutes(guarded, services)
    selfRoutes(guarded, services)
  })
  return app
}

/** @throws CausewayError `Unauthorized` */
function checkCaller(request: FastifyRequest, apiTokenHash: string): void {
  if ((request.raw.socket as Partial<TLSSocket>).authorized === true) return
  const token = bearerToken(request.headers.authorization)
  if (token !== null && matchesHash(token, apiTokenHash)) return
  throw new CausewayError('Unauthorized', 'this address needs "Authorization: Bearer TOKEN" with the token of the API')
}

/** A certificate is asked for but not demanded: who has none may show the token. */
function tlsOptions({ cert, key, clientCa }: NonNullable<DoorOptions['tls']>) {
  const clients = clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: false }
  return { cert, key, minVersion: 'TLSv1.2', ...clients } as const
}
