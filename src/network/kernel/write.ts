import type { ExecResult, Host } from '../../base/host.ts'
import type { Failure } from '../part.ts'
import type { Batch } from './batch.ts'

/**
 * Tells a kernel everything in the batch: one exchange per program that has something to say, at the same time where
 * order does not matter. A refused line does not stop the others (`-force`); for nft all lines are one transaction.
 * @throws CausewayError as `Host.exec`: then some of it may have happened.
 */
export async function writeBatch(host: Host, batch: Batch): Promise<readonly Failure[]> {
  const linesTo = async (program: 'ip' | 'bridge', lines: readonly string[]) => {
    if (lines.length === 0) return []
    const result = await host.exec([program, '-force', '-batch', '-'], { stdin: `${lines.join('\n')}\n` })
    return batchFailures(program, lines, result)
  }
  const rules = async () => {
    if (batch.nft.length === 0) return []
    return wholeFailure('nft -f -', await host.exec(['nft', '-f', '-'], { stdin: `${batch.nft.join('\n')}\n` }))
  }
  const settings = async () => {
    if (batch.sysctl.length === 0) return []
    return wholeFailure(`sysctl -w ${batch.sysctl.join(' ')}`, await host.exec(['sysctl', '-w', ...batch.sysctl]))
  }
  // Settings of a device can be written only once it is there.
  const devices = async () => {
    const first = await linesTo('ip', batch.ip)
    const next = await Promise.all([linesTo('bridge', batch.bridge), settings()])
    return [...first, ...next.flat(), ...(await linesTo('ip', batch.ipLater))]
  }
  return (await Promise.all([devices(), rules()])).flat()
}

/** iproute2 prints why on some lines, then `Command failed -:LINE`. */
function batchFailures(program: string, lines: readonly string[], result: ExecResult): readonly Failure[] {
  const failures: Failure[] = []
  let said: string[] = []
  for (const line of result.stderr.split('\n')) {
    const number = /^Command failed -:(\d+)$/.exec(line)?.[1]
    if (number === undefined) {
      if (line.trim() !== '') said.push(line.trim())
      continue
    }
    failures.push({ command: `${program} ${lines[Number(number) - 1] ?? `line ${number}`}`, reason: said.join('; ') })
    said = []
  }
  if (result.code !== 0 && failures.length === 0) return wholeFailure(`${program} -batch -`, result)
  return failures
}

function wholeFailure(command: string, result: ExecResult): readonly Failure[] {
  if (result.code === 0) return []
  const said = (result.stderr.trim() || result.stdout.trim()).slice(0, 2000)
  return [{ command, reason: said || `ended with status ${result.code}` }]
}
