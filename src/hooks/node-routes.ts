import { Type } from 'typebox'
import { CausewayError } from '../base/errors.ts'
import type { AppServices } from './app-services.ts'
import { bearerToken } from './bearer-token.ts'
import type { TypedApp } from './typed-app.ts'

const Params = Type.Object({ id: Type.String({ pattern: '^[A-Za-z0-9-]{1,64}$' }) })

const Body = Type.Object(
  {
    phase: Type.Union([Type.Literal('installing'), Type.Literal('enrolling'), Type.Literal('failed')]),
    detail: Type.Optional(Type.String({ maxLength: 8192 })),
  },
  { additionalProperties: false },
)

/** Where nodes report the phases of their enrolment, each with the token of its life. */
export function nodeRoutes(app: TypedApp, services: AppServices): void {
  app.get('/v1/healthz', async () => ({ ok: true }))
  app.post('/v1/nodes/:id/phase', { schema: { params: Params, body: Body } }, async (request, reply) => {
    const token = bearerToken(request.headers.authorization)
    if (token === null) throw new CausewayError('Unauthorized', 'a report needs "Authorization: Bearer TOKEN"')
    const { phase, detail } = request.body
    await services.reports.report(request.params.id, token, detail === undefined ? { phase } : { phase, detail })
    return reply.status(202).send({ accepted: true })
  })
}
