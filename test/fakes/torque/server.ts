import { createServer, type Server } from 'node:http'
import { fileURLToPath } from 'node:url'
import type { FakeTorque } from './cluster.ts'
import { runCommand } from './commands.ts'

/** What a command of the fake sends: its name and arguments, its stdin, and who runs it. */
export interface CommandRequest {
  readonly argv: readonly string[]
  readonly stdin: string
  readonly user: string
}

/** What the programs in `bin` run with. */
export const commandProgram = fileURLToPath(new URL('command.ts', import.meta.url))

/** Lets the programs in `bin` act on a fake Torque: over a unix socket, whose path they have from
 * `FAKE_TORQUE_SOCKET`; `FAKE_TORQUE_NODE` and `FAKE_TORQUE_COMMAND` say what runs them. */
export async function serveTorque(torque: FakeTorque, socket: string): Promise<Server> {
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (part: Buffer) => {
      text += part.toString()
    })
    request.on('end', () => {
      const { argv, stdin, user } = JSON.parse(text) as CommandRequest
      response.end(JSON.stringify(runCommand(torque, argv, stdin, user)))
    })
  })
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  return server
}
