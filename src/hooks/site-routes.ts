import { Type } from 'typebox'
import type { TypedApp } from '../base/api/typed-app.ts'
import type { SiteReport } from '../elastic/site-keeper.ts'
import type { AppServices } from './app-services.ts'
import { errorAnswers } from './openapi.ts'

const Params = Type.Object({ site: Type.String({ pattern: '^[A-Za-z0-9._-]{1,64}$' }) })
const Host = Type.Optional(
  Type.String({ pattern: '^[A-Za-z0-9._-]{1,128}$', description: 'A host of the pool; left out: the whole site.' }),
)
const Drain = Type.Object(
  {
    host: Host,
    // It stands in the reasons of the scheduler's nodes, which are one line each.
    reason: Type.Optional(Type.String({ pattern: '^[^\\p{Cc}]{0,200}$', description: 'Why, for people.' })),
  },
  { additionalProperties: false, examples: [{ host: 'h1', reason: 'new disks' }] },
)
const Undrain = Type.Object({ host: Host }, { additionalProperties: false, examples: [{ host: 'h1' }] })

/** As src/elastic/site-keeper.ts has it. */
const Site = Type.Unsafe<SiteReport>({
  type: 'object',
  required: ['site', 'reachable', 'drain', 'nodes', 'hosts', 'breakers'],
  additionalProperties: true,
})
const Sites = Type.Unsafe<readonly SiteReport[]>({ type: 'array', items: Site })

/** The sites and their hosts: how it stands with them, and what takes them out of use. */
export function siteRoutes(app: TypedApp, { controller }: AppServices): void {
  const tags = ['sites']
  app.get(
    '/v1/sites',
    {
      schema: {
        summary: 'Sites with their hosts, room and drains',
        tags,
        response: { 200: Sites, ...errorAnswers(401, 429) },
      },
    },
    async () => controller.sites(),
  )
  const response = { 200: Site, ...errorAnswers(400, 401, 404, 409, 429) }
  const summary =
    'Takes a site, or a host of it, out of use: no new nodes, and those that it has go when their jobs have ended'
  app.post(
    '/v1/sites/:site/drain',
    { schema: { summary, tags, params: Params, body: Drain, response } },
    async ({ params, body }) => controller.drainSite(params.site, body.host ?? null, body.reason ?? ''),
  )
  app.post(
    '/v1/sites/:site/undrain',
    { schema: { summary: 'Takes a drain back', tags, params: Params, body: Undrain, response } },
    async ({ params, body }) => controller.undrainSite(params.site, body.host ?? null),
  )
}
