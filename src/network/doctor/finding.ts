/** How bad it is: `bad` keeps the overlay from working as configured, `warning` may. */
export type Level = 'ok' | 'warning' | 'bad'

/** One thing that was looked at. */
export interface Finding {
  readonly level: Level
  /** What was looked at: `clock`, `programs`, `MTU`, ... */
  readonly about: string
  readonly text: string
  /** What to do about it; empty where all is well. */
  readonly todo: string
}

export function ok(about: string, text: string): Finding {
  return { level: 'ok', about, text, todo: '' }
}

export function warning(about: string, text: string, todo: string): Finding {
  return { level: 'warning', about, text, todo }
}

export function bad(about: string, text: string, todo: string): Finding {
  return { level: 'bad', about, text, todo }
}

/** All of them, or that all is well where there are none. */
export function orOk(findings: readonly Finding[], about: string, text: string): readonly Finding[] {
  return findings.length > 0 ? findings : [ok(about, text)]
}
