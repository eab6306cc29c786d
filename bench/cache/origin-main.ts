/**
 * The origin of the benchmark, a process of its own. `/BYTES/anything` is a file of so many bytes, sent after
 * `DELAY_MS`; `/count` tells and resets what was asked for. Says its port on stdout.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const delayMs = Number(process.argv[2] ?? 0)
const blank = Buffer.alloc(16 * 1024 * 1024, 'causeway')
let requests = 0
let bytes = 0

const server = createServer((req, res) => {
  if (req.url === '/count') {
    res.end(JSON.stringify({ requests, bytes }))
    requests = 0
    bytes = 0
    return
  }
  const length = Number(req.url?.split('/')[1])
  requests += 1
  bytes += length
  setTimeout(() => {
    res.writeHead(200, { 'content-length': length, 'last-modified': 'Mon, 01 Jan 2024 00:00:00 GMT' })
    res.end(blank.subarray(0, length))
  }, delayMs)
})
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
