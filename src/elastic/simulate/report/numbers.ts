/** A duration for people, from ms: `0 s`, `12.5 s`, `3m 10s`, `2h 05m`, `4d 3h`. */
export function durationText(ms: number): string {
  const seconds = ms / 1000
  if (seconds < 59.95) return `${trimmed(seconds, 1)} s`
  const s = Math.round(seconds)
  if (s < 3600) return `${Math.floor(s / 60)}m ${two(s % 60)}s`
  const m = Math.round(seconds / 60)
  if (m < 1440) return `${Math.floor(m / 60)}h ${two(m % 60)}m`
  const h = Math.round(seconds / 3600)
  return `${Math.floor(h / 24)}d ${h % 24}h`
}

/** A number for people with so many digits after the point, or fewer, and with commas between thousands. */
export function numberText(value: number, digits = 0): string {
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

/** A share of 0..1 as `12.3 %`. */
export function shareText(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

function trimmed(value: number, digits: number): string {
  return String(Number(value.toFixed(digits)))
}

function two(n: number): string {
  return String(n).padStart(2, '0')
}
