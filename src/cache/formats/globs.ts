const matchers = new WeakMap<readonly string[], (file: string) => boolean>()

/**
 * Whether a file fits one of some patterns: `*` is anything within a segment, `**` anything, all else itself. A pattern is
 * for the whole path.
 */
export function matcherOf(patterns: readonly string[]): (file: string) => boolean {
  let matcher = matchers.get(patterns)
  if (!matcher) {
    const expressions = patterns.map((pattern) => new RegExp(`^${pattern.split(/(\*+)/).map(expressionOf).join('')}$`))
    matcher = (file) => expressions.some((expression) => expression.test(file))
    matchers.set(patterns, matcher)
  }
  return matcher
}

function expressionOf(part: string): string {
  if (part === '*') return '[^/]*'
  return /^\*+$/.test(part) ? '.*' : part.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')
}
