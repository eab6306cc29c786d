import type { AppServices } from './app-services.ts'
import type { TypedApp } from './typed-app.ts'

/** What admins do to the running controller's policy. */
export function policyRoutes(app: TypedApp, services: AppServices): void {
  app.post('/v1/policy/reload', async () => {
    const report = await services.policy.reload()
    services.wake()
    return report
  })
}
