import swagger from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'

/** The form of every refusal. */
const ErrorAnswer = Type.Object({
  error: Type.Object({ code: Type.String(), message: Type.String() }),
})

const meaning = {
  400: ['InvalidRequest', 'What was sent is not what it should be; sending it again is of no use.'],
  401: ['Unauthorized', 'The token is missing or wrong.'],
  404: ['NotFound', 'There is no such thing.'],
  409: ['Conflict', 'Something else is under way, or has the name.'],
  429: ['RateLimited', 'Too many calls; `Retry-After` says when to come again, seconds.'],
  503: ['Overloaded', 'Too much waits to be recorded; `Retry-After` says when to come again, seconds.'],
} as const

/** Response schemas of the refusals with these statuses. */
export function errorAnswers<S extends keyof typeof meaning>(...statuses: readonly S[]): Record<S, typeof ErrorAnswer> {
  const entries = statuses.map((status) => {
    const [code, description] = meaning[status]
    return [status, { ...ErrorAnswer, description, examples: [{ error: { code, message: 'why' } }] }]
  })
  return Object.fromEntries(entries) as Record<S, typeof ErrorAnswer>
}

/** Describes the routes that are registered after it. */
export function describeRoutes(app: FastifyInstance): void {
  void app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Causeway',
        description: 'The API of the controller: hooks of schedulers, reports of nodes, and what admins and users ask.',
        version: '1',
      },
      tags: [
        { name: 'hooks', description: 'Events in the queue. Each is recorded and wakes the loop.' },
        { name: 'nodes', description: 'What nodes report, and what is known of them.' },
        { name: 'status', description: 'What the controller sees and does.' },
        { name: 'sites', description: 'Where nodes are made, and what is out of use.' },
        { name: 'policy', description: "The admin's rules." },
        { name: 'network', description: 'The overlay between the gateways.' },
      ],
      components: {
        securitySchemes: {
          token: {
            type: 'http',
            scheme: 'bearer',
            description: 'The token of `controller.tokenFile`; not asked for at the socket.',
          },
          node: { type: 'http', scheme: 'bearer', description: 'The token that the node was made with.' },
          // Of OpenAPI 3.1, which the plugin's types do not know.
          client: { type: 'mutualTLS', description: 'A certificate of `controller.tls.clientCa`.' } as never,
        },
      },
      security: [{ token: [] }, { client: [] }],
    },
  })
}
