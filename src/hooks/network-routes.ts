import { Type } from 'typebox'
import type { TypedApp } from '../base/api/typed-app.ts'
import type { NetworkReport } from '../elastic/network-report.ts'
import type { AppServices } from './app-services.ts'
import { errorAnswers } from './openapi.ts'

const Network = Type.Unsafe<NetworkReport>({
  type: 'object',
  required: ['vni', 'subnet', 'mode', 'generation', 'underlayMtu', 'mtu', 'gateways', 'paths'],
  additionalProperties: true,
})

/** The overlay and the paths between the gateways. */
export function networkRoutes(app: TypedApp, { controller }: AppServices): void {
  const summary = 'The state of the gateways, and what the paths between them carry'
  app.get(
    '/v1/network',
    { schema: { summary, tags: ['network'], response: { 200: Network, ...errorAnswers(401, 429) } } },
    async () => controller.network(),
  )
}
