import { Type } from 'typebox'
import { CausewayError } from '../base/errors.ts'
import type { AppServices } from './app-services.ts'
import { expandHostlist } from './hostlist.ts'
import type { TypedApp } from './typed-app.ts'

const Params = Type.Object({
  scheduler: Type.Union([Type.Literal('slurm')]),
  event: Type.Union([
    Type.Literal('resume'),
    Type.Literal('suspend'),
    Type.Literal('resume-fail'),
    Type.Literal('epilog'),
  ]),
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
    job: Type.Optional(Type.String({ pattern: '^[0-9]+$', maxLength: 20 })),
  },
  { additionalProperties: false },
)

/** Hooks are signals: each is recorded as a fact and wakes the loop; nothing is decided or awaited here. */
export function hookRoutes(app: TypedApp, services: AppServices): void {
  app.post('/v1/hooks/:scheduler/:event', { schema: { params: Params, body: Body } }, async (request, reply) => {
    const { scheduler, event } = request.params
    const { nodes, resume, job } = request.body
    if (event !== 'epilog' && nodes === undefined) {
      throw new CausewayError('InvalidRequest', `${event} needs "nodes", the hostlist that the program was called with`)
    }
    const names = nodes === undefined ? [] : expandHostlist(nodes)
    const jobs = job === undefined ? (resume?.jobs.map((entry) => String(entry.job_id)) ?? []) : [job]
    await services.events.append({
      atMs: services.clock.now(),
      kind: 'hook',
      site: null,
      nodeId: null,
      nodeName: names.length === 1 ? (names[0] ?? null) : null,
      code: event,
      text: `${scheduler} called ${event}${nodes === undefined ? '' : ` for ${nodes}`}`,
      facts: { scheduler, names },
      jobs,
    })
    services.wake()
    return reply.status(202).send({ accepted: true })
  })
}
