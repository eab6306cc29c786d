import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { seenInProcesses } from '../../../src/sites/command/check/seen-in-processes.ts'

/** A look at all processes takes as long as the machine is slow; who watched meanwhile has then looked, too. */
const looks = 3

/** Lives as a process of this machine with these arguments or this environment for as long as it takes to be seen. */
export async function showInProcess(shown: { readonly argv?: readonly string[]; readonly env?: NodeJS.ProcessEnv }) {
  const argv = ['-c', 'read -r; :', 'shown', ...(shown.argv ?? [])]
  const child = spawn('bash', argv, { env: { ...process.env, ...shown.env }, stdio: ['pipe', 'ignore', 'inherit'] })
  const ended = once(child, 'exit')
  for (let look = 0; look < looks; look++) await seenInProcesses('what nobody has', Promise.resolve())
  child.stdin.end()
  await ended
}
