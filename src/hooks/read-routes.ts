import { Type } from 'typebox'
import type { AppServices } from './app-services.ts'
import type { TypedApp } from './typed-app.ts'

const NodeName = Type.Object({ node: Type.String({ pattern: '^[A-Za-z0-9._-]{1,128}$' }) })
const JobId = Type.Object({ job: Type.String({ pattern: '^[A-Za-z0-9._+[\\],%-]{1,128}$' }) })

/** What the CLI and the dashboard read. */
export function readRoutes(app: TypedApp, { readModel }: AppServices): void {
  app.get('/v1/status', async () => readModel.status())
  app.get(
    '/v1/nodes',
    { schema: { querystring: Type.Object({ all: Type.Optional(Type.Literal('true')) }) } },
    async (request) => readModel.nodes(request.query.all === 'true'),
  )
  app.get('/v1/nodes/:node/timeline', { schema: { params: NodeName } }, async (request) =>
    readModel.timeline(request.params.node),
  )
  app.get('/v1/jobs/:job/why', { schema: { params: JobId } }, async (request) => readModel.why(request.params.job))
}
