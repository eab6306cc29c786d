import { Type } from 'typebox'
import type { TypedApp } from '../base/api/typed-app.ts'
import type { AppServices } from './app-services.ts'
import { metricsType } from './metrics.ts'

/** What the API says of itself. */
export function selfRoutes(app: TypedApp, { controller, inbox, metrics }: AppServices): void {
  const api = {
    summary: 'This description',
    tags: ['status'],
    response: { 200: Type.Unsafe<object>({ type: 'object', additionalProperties: true }) },
  }
  app.get('/v1/openapi.json', { schema: api }, async () => app.swagger())
  const text = { 200: { description: "Prometheus' text format", content: { 'text/plain': { schema: Type.String() } } } }
  const schema = { summary: 'Figures for monitoring', tags: ['status'], produces: ['text/plain'], response: text }
  app.get('/v1/metrics', { schema }, async (_request, reply) => {
    const [figures, { paths }] = await Promise.all([controller.figures(), controller.network()])
    const all = await metrics.text(figures, inbox.queued, paths)
    return reply.type(metricsType).send(all)
  })
}
