/** Milliseconds that `act` took. */
export function timed(act: () => unknown): number {
  const began = performance.now()
  act()
  return performance.now() - began
}

/** Milliseconds of processor time that `act` took, garbage collection included: what others on the machine disturb less. */
export function worked(act: () => unknown): number {
  const began = process.cpuUsage()
  act()
  const { user, system } = process.cpuUsage(began)
  return (user + system) / 1000
}

/** Milliseconds until what `act` promised was there. */
export async function timedUntil(act: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await act()
  return performance.now() - began
}

/** The value below which a share of the values lies, 0 to 1. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** What `promise` resolves to; rejects when that takes longer than 30 s, so that a benchmark can't hang. */
export async function soon<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not come within 30 s`)), 30_000)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
