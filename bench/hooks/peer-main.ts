import { setPriority } from 'node:os'
import Fastify from 'fastify'

/** The peer: the same framework with the same route, which does nothing, in a process that does nothing else. */
setPriority(0, -10)
const app = Fastify()
app.post('/v1/hooks/slurm/epilog', async (_request, reply) =>
  reply.status(202).send({ accepted: true, duplicate: false }),
)
await app.listen({ path: process.argv[2] ?? '' })
process.once('message', () => {
  const { user, system } = process.cpuUsage()
  process.send?.({ cpuMs: (user + system) / 1000, rounds: 0, recorded: 0 })
  process.disconnect()
  void app.close()
})
process.send?.('ready')
