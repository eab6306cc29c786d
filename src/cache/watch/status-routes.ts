import type { AdminRoutes } from './admin.ts'
import type { CacheMetrics } from './metrics.ts'
import type { CacheStatus } from './status.ts'

/** `/v1/status` and `/metrics`. */
export function statusRoutes(status: () => Promise<CacheStatus>, metrics: CacheMetrics): AdminRoutes {
  return (app) => {
    app.get('/v1/status', () => status())
    app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()))
  }
}
