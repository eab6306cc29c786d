import { request } from 'node:http'
import { userInfo } from 'node:os'
import { text } from 'node:stream/consumers'
import type { ExecResult } from '../../../src/base/host.ts'
import type { CommandRequest } from './server.ts'

/** One of Torque's commands: hands its arguments to the fake and prints what comes back. */
const command: CommandRequest = {
  argv: process.argv.slice(2),
  stdin: await text(process.stdin),
  user: process.env['FAKE_TORQUE_USER'] ?? userInfo().username,
}
const answer = await new Promise<string>((resolve, reject) => {
  const call = request({ socketPath: process.env['FAKE_TORQUE_SOCKET'] ?? '', method: 'POST' }, (response) => {
    text(response).then(resolve, reject)
  })
  call.once('error', reject)
  call.end(JSON.stringify(command))
})
const { code, stdout, stderr } = JSON.parse(answer) as ExecResult
process.stdout.write(stdout)
process.stderr.write(stderr)
process.exitCode = code
