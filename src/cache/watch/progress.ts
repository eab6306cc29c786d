/** What a long work tells while it goes on, and gives at its end. */
export type Progress<T, R> = { readonly progress: T } | { readonly result: R }

/**
 * A work that tells by callback, as a sequence: what it told (only the latest, if several came since the last was taken),
 * and at last its result.
 */
export async function* told<T, R>(work: (tell: (progress: T) => void) => Promise<R>): AsyncGenerator<Progress<T, R>> {
  let latest: { readonly progress: T } | undefined
  let wake = Promise.withResolvers<void>()
  let done = false
  const running = work((progress) => {
    latest = { progress }
    wake.resolve()
  }).finally(() => {
    done = true
    wake.resolve()
  })
  // Thrown again below, where it is awaited.
  running.catch(() => {})
  while (!done) {
    await wake.promise
    wake = Promise.withResolvers()
    if (latest && !done) {
      const value = latest
      latest = undefined
      yield value
    }
  }
  yield { result: await running }
}
