import { CausewayError } from '../src/base/errors.ts'

/**
 * Polls until `probe` gives something other than `undefined` or `false`, and resolves to that.
 * @param what the state that is waited for, for the error: "sshd answers".
 * @throws CausewayError `CommandTimeout` after `timeoutMs`; whatever `probe` throws.
 */
export async function until<T>(
  what: string,
  timeoutMs: number,
  probe: () => T | false | undefined | Promise<T | false | undefined>,
): Promise<T> {
  const deadline = performance.now() + timeoutMs
  for (let pauseMs = 2; ; pauseMs = Math.min(pauseMs * 2, 100)) {
    const found = await probe()
    if (found !== undefined && found !== false) return found
    if (performance.now() > deadline) throw new CausewayError('CommandTimeout', `${what}: not within ${timeoutMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
}
