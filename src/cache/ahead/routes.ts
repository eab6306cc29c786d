import { Type } from 'typebox'
import type { Logger } from '../../base/log.ts'
import { type AdminRoutes, sendLines } from '../watch/admin.ts'
import { told } from '../watch/progress.ts'
import type { Warmed, Warmer, WarmProgress } from './warm.ts'

const names = Type.Array(Type.String({ minLength: 1, maxLength: 256 }), { maxItems: 1000 })

/** `POST /v1/warm`: what `causeway cache warm` asks for. Whoever leaves does not stop it. */
export function warmRoutes(warmer: Warmer, log: Logger): AdminRoutes {
  return (app) => {
    const body = Type.Object({
      roles: Type.Optional(names),
      packages: Type.Optional(names),
      /** Whether the answer tells how it goes on and what came of it; default: yes. */
      wait: Type.Optional(Type.Boolean()),
    })
    app.post('/v1/warm', { schema: { body } }, (request, reply) => {
      const { roles = [], packages = [], wait = true } = request.body
      const wish = { roles, packages }
      warmer.check(wish)
      const warm = async (tell?: (progress: WarmProgress) => void) => {
        const warmed = await warmer.warm(wish, 'later', tell)
        log.info(warmed, warmed.lacking.length === 0 ? 'warmed' : 'warmed, but something is lacking')
        return warmed
      }
      if (wait) return sendLines(reply, told<WarmProgress, Warmed>(warm))
      void warm().catch((thrown: unknown) => log.error({ err: thrown, ...wish }, 'warming failed'))
      return reply.status(202).send({ result: null })
    })
  }
}
