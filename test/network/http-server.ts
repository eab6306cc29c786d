import { createServer } from 'node:http'

/*
 * Says who it is and who asked: `node http-server.ts NAME PORT`. `/bytes/N` answers N bytes. Prints `ready` when it listens.
 */
const [name = '', port = ''] = process.argv.slice(2)

createServer((request, response) => {
  const bytes = /^\/bytes\/(\d+)$/.exec(request.url ?? '')?.[1]
  const client = request.socket.remoteAddress?.replace('::ffff:', '')
  response.end(bytes === undefined ? JSON.stringify({ server: name, client }) : Buffer.alloc(Number(bytes)))
}).listen(Number(port), '::', () => process.stdout.write('ready\n'))
