/**
 * Whether a job's feature expression leaves room for nodes with these features, as Slurm writes it: `a&b`, `a|b`, `!a`,
 * `(a|b)&c`, `a*2`, and `[a*1&b*1]`, where each node needs only one of the names. Names that no node type has are
 * somebody else's business: they may match, unless `known`, the names that some type has, is null. So may an expression that can't be read.
 */
export function couldUse(
  expression: string,
  features: ReadonlySet<string>,
  known: ReadonlySet<string> | null,
): boolean {
  if (expression === '') return true
  const tokens = expression.match(/[&|()[\]!]|[^&|()[\]!\s]+/g) ?? []
  let at = 0
  let unreadable = false
  const has = (name: string) => {
    const bare = name.replace(/\*\d+$/, '')
    return features.has(bare) || (known !== null && !(known.has(bare) || /^(site|type)-/.test(bare)))
  }
  /** `inBrackets`: every name is one more alternative. */
  const either = (inBrackets: boolean): boolean => {
    let result = both(inBrackets)
    while (tokens[at] === '|') {
      at++
      const next = both(inBrackets)
      result = result || next
    }
    return result
  }
  const both = (inBrackets: boolean): boolean => {
    let result = one(inBrackets)
    while (tokens[at] === '&') {
      at++
      const next = one(inBrackets)
      result = inBrackets ? result || next : result && next
    }
    return result
  }
  const one = (inBrackets: boolean): boolean => {
    const token = tokens[at++]
    if (token === '!') return !one(inBrackets)
    if (token === '(' || token === '[') {
      const result = either(inBrackets || token === '[')
      if (tokens[at++] !== (token === '(' ? ')' : ']')) unreadable = true
      return result
    }
    if (token === undefined || '&|)]'.includes(token)) unreadable = true
    return token === undefined || has(token)
  }
  const result = either(false)
  return result || unreadable || at < tokens.length
}
