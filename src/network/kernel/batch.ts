/**
 * What to tell a kernel, by program: lines for `ip -batch -`, for `bridge -batch -`, for `nft -f -` (one transaction), and
 * `key=value` for `sysctl -w`. Within a program the lines are in order; `bridge` comes after `ip`.
 */
export interface Batch {
  readonly ip: readonly string[]
  readonly bridge: readonly string[]
  readonly nft: readonly string[]
  readonly sysctl: readonly string[]
}

/** The batch as whole commands, for people and reports. */
export function commandsOf(batch: Batch): readonly string[] {
  return (['ip', 'bridge', 'nft', 'sysctl'] as const).flatMap((program) =>
    batch[program].map((line) => `${program} ${line}`),
  )
}
