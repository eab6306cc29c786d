import send from '@fastify/send'
import Fastify, { type FastifyInstance } from 'fastify'
import { imageFile } from './image-name.ts'

/**
 * The HTTP application that gives a store's images to sites: `GET /sha256-HEX.qcow2`, with ranges; nothing else, and nothing
 * can be listed. It needs no TLS and no login: whoever fetches an image knows its digest and compares it.
 */
export function imageServer(folder: string): FastifyInstance {
  const app = Fastify({ forceCloseConnections: true })
  app.get<{ Params: { file: string } }>('/:file', async (request, reply) => {
    const [, digest] = /^sha256-([0-9a-f]{64})\.qcow2$/.exec(request.params.file) ?? []
    if (digest === undefined) return reply.callNotFound()
    // What has this name never changes: who goes on in the middle goes on in the same file.
    delete request.raw.headers['if-range']
    const options = { root: folder, etag: false, lastModified: false, cacheControl: false, dotfiles: 'ignore' } as const
    const { type, statusCode, headers, stream } = await send(request.raw, `/${imageFile(digest)}`, options)
    if (type !== 'file') return reply.callNotFound()
    return reply
      .code(statusCode)
      .headers({ ...headers, etag: `"${digest}"`, 'cache-control': 'public, max-age=31536000, immutable' })
      .type('application/octet-stream')
      .send(stream)
  })
  return app
}
