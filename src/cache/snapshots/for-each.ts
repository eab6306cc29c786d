/** Does something for each item, `width` at a time; rejects with the first failure, once none is under way any more. */
export async function forEach<T>(items: readonly T[], width: number, act: (item: T) => Promise<void>): Promise<void> {
  const left = items.values()
  let failed: { readonly error: unknown } | undefined
  const work = async () => {
    for (const item of left) {
      if (failed) return
      try {
        await act(item)
      } catch (error) {
        failed ??= { error }
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, work))
  if (failed) throw failed.error
}
