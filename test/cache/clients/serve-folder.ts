import { readFileSync, statSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { join, normalize } from 'node:path'

/** Answers with the files of a folder, as a plain mirror does: dates, conditions, single ranges. */
export function serveFolder(folder: string): RequestListener {
  return (req, res) => {
    const path = decodeURIComponent(new URL(req.url ?? '/', 'http://any').pathname)
    const file = join(folder, normalize(path))
    let stat: ReturnType<typeof statSync>
    try {
      stat = statSync(file)
      if (!stat.isFile()) throw new Error('no file')
    } catch {
      res.writeHead(404, { 'content-type': 'text/plain' }).end('no such file\n')
      return
    }
    const modified = stat.mtime.toUTCString()
    const etag = `"${Math.floor(stat.mtimeMs / 1000).toString(16)}-${stat.size.toString(16)}"`
    const { 'if-none-match': tag, 'if-modified-since': since } = req.headers
    // RFC 9110, section 13.2.2: a tag decides alone.
    if (tag === undefined ? since === modified : tag === etag) {
      res.writeHead(304, { etag, 'last-modified': modified }).end()
      return
    }
    const body = readFileSync(file)
    const headers = { etag, 'last-modified': modified, 'accept-ranges': 'bytes' }
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(req.headers.range ?? '') ?? []
    if (from !== undefined && Number(from) < body.length) {
      const end = to === '' || to === undefined ? body.length : Math.min(body.length, Number(to) + 1)
      const part = body.subarray(Number(from), end)
      const said = { 'content-range': `bytes ${from}-${end - 1}/${body.length}`, 'content-length': part.length }
      res.writeHead(206, { ...headers, ...said }).end(part)
      return
    }
    res.writeHead(200, { ...headers, 'content-length': body.length }).end(req.method === 'HEAD' ? undefined : body)
  }
}
