import { Type } from 'typebox'
import type { TypedApp } from '../base/api/typed-app.ts'
import { CausewayError } from '../base/errors.ts'
import type { NewEvent } from '../store/event-store.ts'
import type { AppServices } from './app-services.ts'
import { AnyBody, type HookBody, hookNamePattern, knownEvents } from './hook-bodies.ts'
import { expandHostlist } from './hostlist.ts'
import { errorAnswers } from './openapi.ts'

const Params = Type.Object({
  scheduler: Type.String({ pattern: hookNamePattern }),
  event: Type.String({ pattern: hookNamePattern }),
})

const Taken = Type.Object(
  {
    accepted: Type.Literal(true),
    /** An event with this id was taken before; nothing was recorded now. */
    duplicate: Type.Boolean(),
  },
  { description: 'Taken.', examples: [{ accepted: true, duplicate: false }] },
)

const response = { 202: Taken, ...errorAnswers(400, 401, 429, 503) }

/** Hooks are signals: each is recorded as a fact and wakes the loop; nothing is decided or awaited here. */
export function hookRoutes(app: TypedApp, services: AppServices): void {
  const take = (scheduler: string, event: string, body: HookBody) => {
    const { clock, inbox, metrics } = services
    const fresh = inbox.offer(body.id ?? null, hookFact(scheduler, event, body, clock.now()))
    metrics.hook(scheduler, event, fresh)
    return { accepted: true as const, duplicate: !fresh }
  }
  for (const [scheduler, events] of Object.entries(knownEvents)) {
    for (const [event, { summary, body }] of Object.entries(events)) {
      const schema = { summary, tags: ['hooks', scheduler], body, response }
      app.post(`/v1/hooks/${scheduler}/${event}`, { schema }, async (request, reply) =>
        reply.status(202).send(take(scheduler, event, request.body as HookBody)),
      )
    }
  }
  const summary = "An event of another scheduler's plugin, or of any program"
  const schema = { summary, tags: ['hooks'], params: Params, body: AnyBody, response }
  app.post('/v1/hooks/:scheduler/:event', { schema }, async (request, reply) => {
    const { scheduler, event } = request.params
    const known = knownEvents[scheduler]
    if (known) {
      const events = Object.keys(known).join(', ')
      throw new CausewayError('InvalidRequest', `${scheduler} has no event ${event}; it has: ${events}`)
    }
    return reply.status(202).send(take(scheduler, event, request.body))
  })
}

/**
 * A hook as it is recorded.
 * @throws CausewayError `InvalidRequest` when its nodes are not a hostlist
 */
function hookFact(scheduler: string, event: string, body: HookBody, now: number): NewEvent {
  const { id, at, nodes, resume, facts } = body
  const names = nodes === undefined ? [] : expandHostlist(nodes)
  return {
    atMs: at ?? now,
    kind: 'hook',
    site: null,
    nodeId: null,
    nodeName: names.length === 1 ? (names[0] ?? null) : null,
    code: event,
    text: `${scheduler} called ${event}${nodes === undefined ? '' : ` for ${nodes}`}`,
    facts: { ...facts, scheduler, names, ...(id === undefined ? {} : { id }) },
    jobs: body.jobs ?? resume?.jobs.map((job) => String(job.job_id)) ?? [],
  }
}
