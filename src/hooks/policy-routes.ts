import { Type } from 'typebox'
import type { TypedApp } from '../base/api/typed-app.ts'
import type { ReloadReport } from '../elastic/live-config.ts'
import type { AppServices } from './app-services.ts'
import { errorAnswers } from './openapi.ts'

const Report = Type.Unsafe<ReloadReport>({
  type: 'object',
  required: ['changes', 'todo'],
  additionalProperties: true,
  examples: [{ changes: [{ about: 'east standard', key: 'maximum', from: '2', to: '3' }], todo: [] }],
})

/** What admins do to the running controller's policy. */
export function policyRoutes(app: TypedApp, { controller }: AppServices): void {
  const schema = {
    summary: 'Reads the policy again; what is wrong with it, or needs a restart, changes nothing',
    tags: ['policy'],
    response: { 200: Report, ...errorAnswers(400, 401, 429) },
  }
  app.post('/v1/policy/reload', { schema }, async () => controller.reloadPolicy())
}
