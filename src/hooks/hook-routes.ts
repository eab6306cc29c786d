import { Type } from 'typebox'
import { CausewayError } from '../base/errors.ts'
import type { AppServices } from './app-services.ts'
import { expandHostlist } from './hostlist.ts'
import type { TypedApp } from './typed-app.ts'

const Params = Type.Object({
  scheduler: Type.String({ pattern: '^[a-z0-9-]{1,32}$' }),
  event: Type.String({ pattern: '^[a-z0-9-]{1,32}$' }),
})

/** What the scripts in scripts/slurm send. Keys that nobody knows are refused: a misspelt one must not pass for a fact. */
const Body = Type.Object(
  {
    /** Slurm's hostlist expression, as the program was given it. */
    nodes: Type.Optional(Type.String({ minLength: 1, maxLength: 65_536 })),
    /** The content of `$SLURM_RESUME_FILE`. */
    resume: Type.Optional(
      Type.Object({
        jobs: Type.Array(
          Type.Object({
            job_id: Type.Integer({ minimum: 1 }),
            nodes: Type.Optional(Type.String({ maxLength: 65_536 })),
          }),
        ),
      }),
    ),
    id: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9-]{8,64}$' })),
    at: Type.Optional(Type.Integer({ minimum: 0 })),
    jobs: Type.Optional(Type.Array(Type.String({ pattern: '^[A-Za-z0-9._+[\\],%@:-]{1,128}$' }), { maxItems: 1000 })),
    facts: Type.Optional(
      Type.Record(Type.String({ pattern: '^[a-z][a-z0-9_]{0,63}$' }), Type.String({ maxLength: 4096 })),
    ),
  },
  { additionalProperties: false },
)

/** Hooks are signals: each is recorded as a fact and wakes the loop; nothing is decided or awaited here. */
export function hookRoutes(app: TypedApp, services: AppServices): void {
  app.post('/v1/hooks/:scheduler/:event', { schema: { params: Params, body: Body } }, async (request, reply) => {
    const { scheduler, event } = request.params
    const { nodes, resume, facts } = request.body
    if (scheduler === 'slurm' && event !== 'epilog' && nodes === undefined) {
      throw new CausewayError('InvalidRequest', `${event} needs "nodes", the hostlist that the program was called with`)
    }
    const names = nodes === undefined ? [] : expandHostlist(nodes)
    const jobs = request.body.jobs ?? resume?.jobs.map((entry) => String(entry.job_id)) ?? []
    await services.events.append({
      atMs: services.clock.now(),
      kind: 'hook',
      site: null,
      nodeId: null,
      nodeName: names.length === 1 ? (names[0] ?? null) : null,
      code: event,
      text: `${scheduler} called ${event}${nodes === undefined ? '' : ` for ${nodes}`}`,
      facts: { ...facts, scheduler, names },
      jobs,
    })
    services.wake()
    return reply.status(202).send({ accepted: true })
  })
}
