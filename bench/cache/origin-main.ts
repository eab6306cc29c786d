/**
 * The origin of the benchmark, a process of its own: `origin-main.ts ADDRESS:PORT CONTROL PACKAGES BYTES`. It serves a
 * repository of that many packages and any other file that `packagePath` names. On the unix socket CONTROL one may
 * `GET /requests` (what was asked for since the last time), `PUT /prepare?path=...` (so that it has them at hand) and `PUT /break?path=...&after=...`: the next transfer of that
 * file breaks off after so many bytes.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { contentOf, digest, indexesOf, lengthOf, packagesOf } from './files.ts'
import type { OriginRequest } from './origin.ts'

const [listen = '', control = '', count = '1', total = '0'] = process.argv.slice(2)
const indexes = indexesOf(packagesOf(Number(count), Number(total)))
const bodies = new Map<string, Buffer>()
const breaks = new Map<string, number>()
let requests: OriginRequest[] = []

function bodyOf(path: string): Buffer | undefined {
  const index = indexes.get(path)
  if (index !== undefined) return index
  const bytes = lengthOf(path)
  if (bytes === undefined) return undefined
  const body = bodies.get(path) ?? contentOf(path, bytes)
  bodies.set(path, body)
  return body
}

const server = createServer((req, res) => {
  const path = req.url ?? ''
  const body = bodyOf(path)
  const sentBefore = req.socket.bytesWritten
  const range = req.headers.range ?? ''
  res.once('close', () => {
    const sent = Math.max(0, req.socket.bytesWritten - sentBefore)
    requests.push({ path, method: req.method ?? '', range, status: res.statusCode, sent })
  })
  if (body === undefined) return void res.writeHead(404, { 'content-length': 0 }).end()
  answer(req, res, path, body)
})

const lastModified = 'Mon, 01 Jun 2026 00:00:00 GMT'

function answer(req: IncomingMessage, res: ServerResponse, path: string, body: Buffer): void {
  const { headers } = req
  const etag = `"${indexes.has(path) ? digest(body).slice(0, 16) : body.length.toString(16)}"`
  const said = {
    etag,
    'last-modified': lastModified,
    'accept-ranges': 'bytes',
    'content-type': 'application/octet-stream',
  }
  const isKnown =
    headers['if-none-match'] === undefined
      ? headers['if-modified-since'] === lastModified
      : headers['if-none-match'] === etag
  if (isKnown) return void res.writeHead(304, { etag, 'last-modified': lastModified }).end()
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? []
  const guard = headers['if-range']
  const ranged = from !== undefined && (guard === undefined || guard === etag || guard === lastModified)
  const start = ranged ? Number(from) : 0
  const end = ranged && to ? Math.min(body.length, Number(to) + 1) : body.length
  if (start >= end) return void res.writeHead(416, { 'content-range': `bytes */${body.length}` }).end()
  res.writeHead(ranged ? 206 : 200, {
    ...said,
    'content-length': end - start,
    ...(ranged ? { 'content-range': `bytes ${start}-${end - 1}/${body.length}` } : {}),
  })
  const after = breaks.get(path)
  if (req.method === 'HEAD' || after === undefined || after >= end - start)
    return void res.end(body.subarray(start, end))
  breaks.delete(path)
  // What was written is on its way before the connection is closed.
  res.write(body.subarray(start, start + after), () => req.socket.end())
}

const [host = '', port = ''] = listen.split(':')
server.listen(Number(port), host, 4096)

createServer((req, res) => {
  const { pathname, searchParams } = new URL(req.url ?? '', 'http://control')
  if (pathname === '/requests') {
    res.end(JSON.stringify(requests))
    requests = []
    return
  }
  if (pathname === '/prepare') {
    for (const path of searchParams.getAll('path')) bodyOf(path)
    return void res.end('{}')
  }
  breaks.set(searchParams.get('path') ?? '', Number(searchParams.get('after')))
  res.end('{}')
}).listen(control)
