/** A JSON object's member if it is a text, else undefined; of what is no object nothing. */
export function textIn(value: unknown, name: string): string | undefined {
  const member = memberOf(value, name)
  return typeof member === 'string' ? member : undefined
}

/** A JSON object's own member. */
export function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined
}

/** A JSON object's member if it is a number of bytes. */
export function sizeIn(value: unknown, name: string): number | undefined {
  const member = memberOf(value, name)
  return typeof member === 'number' && Number.isSafeInteger(member) && member >= 0 ? member : undefined
}
