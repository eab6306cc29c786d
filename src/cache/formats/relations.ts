import type { Alternatives, Provided } from './format.ts'

const relation = /^([^<>=~!\s]+)(?:(<=|>=|<|>|=|~)(.+))?$/

/**
 * Relations as Alpine and Arch write them: `name`, `name>=1.2`, `so:libc.so.6`. Those that nothing is fetched for are left
 * out: conflicts (`!name`), and what is written in another manner.
 */
export function readRelations(said: readonly string[]): Alternatives[] {
  const all: Alternatives[] = []
  for (const text of said) {
    const [, name, operator, version] = relation.exec(text) ?? []
    if (name === undefined) continue
    const plain = operator === '<' ? '<<' : operator === '>' ? '>>' : operator
    // Alpine's "about that version" is taken for any.
    const any = plain === undefined || plain === '~'
    all.push([{ name, constraint: any ? undefined : `${plain} ${version}` }])
  }
  return all
}

/** `name` or `name=1.2`. */
export function readProvided(said: readonly string[]): Provided[] {
  return said.flatMap((text) => {
    const [, name, , version] = relation.exec(text) ?? []
    return name === undefined ? [] : [{ name, version }]
  })
}
