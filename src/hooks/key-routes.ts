import { Type } from 'typebox'
import type { TypedApp } from '../base/api/typed-app.ts'
import type { KeyReport } from '../elastic/network-report.ts'
import type { AppServices } from './app-services.ts'
import { errorAnswers } from './openapi.ts'

const Keys = Type.Unsafe<KeyReport>({
  type: 'object',
  required: ['generation', 'beganAtMs', 'changing', 'waitsFor', 'gateways'],
  additionalProperties: true,
})

/** The keys of the tunnels: how it stands with them, and their change. */
export function keyRoutes(app: TypedApp, { controller }: AppServices): void {
  const response = { 200: Keys, ...errorAnswers(401, 404, 429) }
  app.get(
    '/v1/network/keys',
    { schema: { summary: 'Who has which keys of the tunnels between the gateways', tags: ['network'], response } },
    async () => controller.keys(),
  )
  const summary = 'Begins to change the keys of the tunnels; it goes on in the background'
  app.post(
    '/v1/network/rotate-keys',
    { schema: { summary, tags: ['network'], response: { ...response, ...errorAnswers(409) } } },
    async () => controller.rotateKeys(),
  )
}
