/**
 * What to tell a kernel, by program: lines for `ip -batch -`, for `bridge -batch -`, for `nft -f -` (one transaction),
 * `key=value` for `sysctl -w`, and once more lines for `ip`. Within a program the lines are in order; `bridge` and `sysctl`
 * come after `ip`.
 */
export interface Batch {
  readonly ip: readonly string[]
  readonly bridge: readonly string[]
  readonly nft: readonly string[]
  readonly sysctl: readonly string[]
  /** What `ip` refuses before the settings are written; as a rule there is none. */
  readonly ipLater: readonly string[]
}

/** The batch as whole commands, for people and reports. */
export function commandsOf({ ip, bridge, nft, sysctl, ipLater }: Batch): readonly string[] {
  const programs = Object.entries({ ip, bridge, nft, sysctl })
  const commands = programs.flatMap(([program, lines]) => lines.map((line) => `${program} ${line}`))
  return [...commands, ...ipLater.map((line) => `ip ${line}`)]
}
