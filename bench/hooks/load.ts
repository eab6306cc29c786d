import { connect } from 'node:net'

/** What came of a load. Times are ms. */
export interface Load {
  /** From the moment that a call was due until it was answered, sorted. */
  readonly latencies: readonly number[]
  /** Calls that were answered with something else than 202, or not at all. */
  readonly failed: number
  /** Calls a second that were answered. */
  readonly rate: number
}

/**
 * Posts hooks to a unix socket at a steady rate whether or not the ones before are answered, each on a connection of its own as
 * the scripts do.
 * @param body of the n-th call
 */
export async function load(
  socket: string,
  perSecond: number,
  seconds: number,
  body: (n: number) => string,
): Promise<Load> {
  const latencies: number[] = []
  let failed = 0
  const calls: Promise<void>[] = []
  const began = performance.now()
  for (let n = 0; n < perSecond * seconds; n++) {
    const due = began + (n * 1000) / perSecond
    const early = due - performance.now()
    if (early > 0) await new Promise((resolve) => setTimeout(resolve, early))
    const call = post(socket, body(n)).then((status) => {
      if (status === 202) latencies.push(performance.now() - due)
      else failed += 1
    })
    calls.push(call)
  }
  await Promise.all(calls)
  const tookMs = performance.now() - began
  return { latencies: latencies.sort((a, b) => a - b), failed, rate: (latencies.length / tookMs) * 1000 }
}

/** The status of the answer; 0 if there is none. */
function post(socket: string, body: string): Promise<number> {
  return new Promise((resolve) => {
    const connection = connect(socket)
    let answer = ''
    connection.on('data', (part) => {
      answer += part.toString('latin1')
    })
    connection.once('close', () => resolve(Number(answer.slice(9, 12)) || 0))
    connection.once('error', () => resolve(0))
    connection.write(
      'POST /v1/hooks/slurm/epilog HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n' +
        `Content-Length: ${body.length}\r\n\r\n${body}`,
    )
  })
}
