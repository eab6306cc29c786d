import { Type } from 'typebox'
import type { TypedApp } from '../base/api/typed-app.ts'
import { CausewayError } from '../base/errors.ts'
import type { AppServices } from './app-services.ts'
import { bearerToken } from './bearer-token.ts'
import { errorAnswers } from './openapi.ts'

const Params = Type.Object({ id: Type.String({ pattern: '^[A-Za-z0-9-]{1,64}$' }) })

const Body = Type.Object(
  {
    phase: Type.Union([Type.Literal('installing'), Type.Literal('enrolling'), Type.Literal('failed')]),
    detail: Type.Optional(Type.String({ maxLength: 8192, description: 'For `failed`: what went wrong.' })),
  },
  { additionalProperties: false, examples: [{ phase: 'installing' }] },
)

const Healthy = Type.Object({ ok: Type.Literal(true) }, { examples: [{ ok: true }] })
const Taken = Type.Object({ accepted: Type.Literal(true) }, { description: 'Taken.', examples: [{ accepted: true }] })

/** Where nodes report the phases of their enrolment, each with the token of its life. */
export function nodeRoutes(app: TypedApp, { controller }: AppServices): void {
  const health = {
    summary: 'Whether the controller answers',
    tags: ['status'],
    security: [],
    response: { 200: Healthy, ...errorAnswers(429) },
  }
  app.get('/v1/healthz', { schema: health }, async () => ({ ok: true as const }))
  const schema = {
    summary: 'How far a node has come with its enrolment',
    tags: ['nodes'],
    security: [{ node: [] }],
    params: Params,
    body: Body,
    response: { 202: Taken, ...errorAnswers(400, 401, 429) },
  }
  app.post('/v1/nodes/:id/phase', { schema }, async (request, reply) => {
    const token = bearerToken(request.headers.authorization)
    if (token === null) throw new CausewayError('Unauthorized', 'a report needs "Authorization: Bearer TOKEN"')
    const { phase, detail } = request.body
    await controller.reportPhase(request.params.id, token, detail === undefined ? { phase } : { phase, detail })
    return reply.status(202).send({ accepted: true as const })
  })
}
