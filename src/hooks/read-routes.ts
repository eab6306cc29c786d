import { Type } from 'typebox'
import type { TypedApp } from '../base/api/typed-app.ts'
import type { AppServices } from './app-services.ts'
import { errorAnswers } from './openapi.ts'
import type { JobReport, NodeReport, StatusReport, TimelineReport } from './reports.ts'

const NodeName = Type.Object({ node: Type.String({ pattern: '^[A-Za-z0-9._-]{1,128}$' }) })
const JobId = Type.Object({ job: Type.String({ pattern: '^[A-Za-z0-9._+[\\],%-]{1,128}$' }) })
const All = Type.Object({
  all: Type.Optional(Type.Literal('true', { description: 'Also nodes that are gone.' })),
})

/** A report of which only the outline is described; the rest is in src/hooks/reports.ts. */
function outline<T>(keys: readonly (keyof T & string)[]) {
  return Type.Unsafe<T>({ type: 'object', required: keys, additionalProperties: true })
}

const refusals = errorAnswers(401, 429)
const Status = outline<StatusReport>(['cluster', 'atMs', 'queue', 'types', 'nodes'])
const Nodes = Type.Unsafe<NodeReport[]>({ type: 'array', items: outline<NodeReport>(['name', 'id', 'site', 'phase']) })
const Timeline = outline<TimelineReport>(['node', 'lives'])
const Why = outline<JobReport>(['job', 'now', 'jobs', 'history'])

/** What the CLI and the dashboard read. */
export function readRoutes(app: TypedApp, { controller }: AppServices): void {
  app.get(
    '/v1/status',
    {
      schema: { summary: 'Sites, live nodes and the queue', tags: ['status'], response: { 200: Status, ...refusals } },
    },
    async () => controller.status(),
  )
  app.get(
    '/v1/nodes',
    { schema: { summary: 'Nodes', tags: ['nodes'], querystring: All, response: { 200: Nodes, ...refusals } } },
    async (request) => controller.nodes(request.query.all === 'true'),
  )
  const timeline = { 200: Timeline, ...refusals, ...errorAnswers(404) }
  app.get(
    '/v1/nodes/:node/timeline',
    { schema: { summary: "What happened in a node's lives", tags: ['nodes'], params: NodeName, response: timeline } },
    async (request) => controller.timeline(request.params.node),
  )
  const why = { 200: Why, ...refusals, ...errorAnswers(404) }
  app.get(
    '/v1/jobs/:job/why',
    { schema: { summary: 'Why a job is where it is', tags: ['status'], params: JobId, response: why } },
    async (request) => controller.why(request.params.job),
  )
}
