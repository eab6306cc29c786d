import { readFile } from 'node:fs/promises'
import type { StaticDecode, TSchema } from 'typebox'
import { Decode, Default } from 'typebox/value'
import { type Document, isMap, LineCounter, type Node, parseDocument } from 'yaml'
import { CausewayError } from '../base/errors.ts'
import { explain, type Problem } from './explain.ts'

/**
 * Reads a YAML file into what `schema` describes: defaults filled in, durations and sizes decoded.
 *
 * All that is wrong is reported at once, a line each, as `file:line:column: where.it.is: what was expected`.
 * @param contradictions looks at a value that matches the schema for things that can't be true together
 * @throws CausewayError `InvalidConfig`
 */
export async function loadYaml<T extends TSchema>(
  file: string,
  schema: T,
  contradictions?: (value: StaticDecode<T>) => Iterable<Problem>,
): Promise<StaticDecode<T>> {
  return parseYaml(await readText(file), file, schema, contradictions)
}

/**
 * The text of a configuration file.
 * @throws CausewayError `InvalidConfig`
 */
export async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new CausewayError('InvalidConfig', `${file}: cannot be read: ${(cause as Error).message}`, { cause })
  }
}

/**
 * The same for text at hand; `file` is the name used in messages.
 * @throws CausewayError `InvalidConfig`
 */
export function parseYaml<T extends TSchema>(
  text: string,
  file: string,
  schema: T,
  contradictions: (value: StaticDecode<T>) => Iterable<Problem> = () => [],
): StaticDecode<T> {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return `${file}:${line}:${col}`
  }
  if (document.errors.length > 0) refuse(document.errors.map((error) => `${place(error.pos[0])}: ${error.message}`))

  const value = Default(schema, document.toJS() ?? {})
  const refuseAll = (problems: readonly Problem[]) => {
    if (problems.length === 0) return
    const found = problems.map((problem) => ({ problem, offset: offsetOf(document, problem) }))
    found.sort((a, b) => a.offset - b.offset)
    refuse(found.map(({ problem, offset }) => `${place(offset)}: ${showPath(problem.path)}${problem.message}`))
  }
  refuseAll(explain(schema, value))
  const decoded = Decode(schema, value)
  refuseAll([...contradictions(decoded)])
  return decoded
}

function refuse(messages: readonly string[]): never {
  throw new CausewayError('InvalidConfig', messages.join('\n'), { facts: { problems: messages } })
}

/** Where in the text a problem is; for something missing, where the map begins that lacks it. */
function offsetOf(document: Document, problem: Problem): number {
  const parent = document.getIn(problem.path.slice(0, -1), true)
  const last = problem.path.at(-1)
  if (isMap<Node, Node | null>(parent) && last !== undefined) {
    const pair = parent.items.find((item) => String(item.key) === last)
    const node = problem.about === 'key' ? pair?.key : (pair?.value ?? pair?.key)
    return (node ?? parent).range?.[0] ?? 0
  }
  const node = (document.getIn(problem.path, true) ?? parent) as Node | null | undefined
  return node?.range?.[0] ?? 0
}

function showPath(path: Problem['path']): string {
  if (path.length === 0) return ''
  const parts = path.map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`))
  return `${parts.join('')}: `
}
