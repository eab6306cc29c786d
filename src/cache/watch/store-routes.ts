import { Type } from 'typebox'
import { CausewayError } from '../../base/errors.ts'
import type { Origin } from '../origins.ts'
import type { Listed, Purged, Selection, Store, Usage, Verified } from '../store/port.ts'
import { type AdminRoutes, sendLines } from './admin.ts'
import { keysMeant, mustBeOrigin } from './asked-url.ts'
import { told } from './progress.ts'

/** What `causeway cache inspect` shows. */
export interface Inspection {
  readonly kept: readonly Listed[]
}

/** What `causeway cache purge` did. */
export type { Purged } from '../store/port.ts'

const selection = Type.Object({
  prefix: Type.Optional(Type.String({ minLength: 1, maxLength: 8192 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
})

/** `/v1/responses`: what is kept, whether it is whole, and getting rid of it. */
export function storeRoutes(store: Store, origins: ReadonlyMap<string, Origin>): AdminRoutes {
  const picked = ({ prefix: url, limit }: { prefix?: string; limit?: number }): Selection => {
    const limited = limit === undefined ? {} : { limit }
    return url === undefined ? limited : { ...limited, prefix: keysOf(url) }
  }
  const keysOf = (url: string): string => {
    const prefix = keysMeant(url, origins)
    if (store.list({ prefix, limit: 1 }).length === 0) mustBeOrigin(url, origins)
    return prefix
  }
  return (app) => {
    app.get('/v1/responses', { schema: { querystring: selection } }, (request): readonly Listed[] =>
      store.list(picked(request.query)),
    )
    app.get('/v1/usage', (): Promise<Usage> => store.usage())
    app.get(
      '/v1/inspect',
      { schema: { querystring: Type.Object({ key: Type.String({ minLength: 1, maxLength: 8192 }) }) } },
      (request): Inspection => {
        const key = keysOf(request.query.key)
        const itself = store.list({ prefix: key, limit: 1 }).filter((one) => one.key === key)
        const kept = [...itself, ...store.list({ prefix: `${key}#` })]
        if (kept.length === 0) throw new CausewayError('NotFound', `nothing is kept for ${key}`)
        return { kept }
      },
    )
    app.post('/v1/verify', { schema: { querystring: selection } }, (request, reply) =>
      sendLines(
        reply,
        told<Verified, Verified>((tell) => store.verify(picked(request.query), tell)),
      ),
    )
    app.post('/v1/purge', { schema: { querystring: selection } }, async (request): Promise<Purged> => {
      if (request.query.prefix === undefined) {
        throw new CausewayError('InvalidRequest', 'say what is to go: a URL or the beginning of one')
      }
      return store.purge(picked(request.query))
    })
  }
}
