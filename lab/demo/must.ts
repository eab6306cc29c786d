import type { ExecResult } from '../../src/base/host.ts'

/** The standard output of a command that has to succeed. */
export async function must(running: Promise<ExecResult>): Promise<string> {
  const { code, stdout, stderr } = await running
  if (code !== 0) throw new Error(`a command ended with status ${code}: ${stderr.trim() || stdout.trim()}`)
  return stdout
}
