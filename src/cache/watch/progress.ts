/** What a long work tells while it goes on, and gives at its end. */
export type Progress<T, R> = { readonly progress: T } | { readonly result: R }

/**
 * A work that tells by callback, as a sequence: what it told (only the latest, if several came since the last was taken),
 * and at last its result.
 */
export async function* told<T, R>(work: (tell: (progress: T) => void) => Promise<R>): AsyncGenerator<Progress<T, R>> {
  const state: { latest: T[]; done: boolean } = { latest: [], done: false }
  let wake = Promise.withResolvers<void>()
  const running = work((progress) => {
    state.latest = [progress]
    wake.resolve()
  }).finally(() => {
    state.done = true
    wake.resolve()
  })
  // Thrown again below, where it is awaited.
  running.catch(() => {})
  while (!state.done) {
    await wake.promise
    wake = Promise.withResolvers()
    for (const progress of state.latest.splice(0)) yield { progress }
  }
  yield { result: await running }
}
