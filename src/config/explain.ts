import type { TSchema } from 'typebox'
import { Check } from 'typebox/value'

/** One thing wrong with a value, at the place where it is wrong. */
export interface Problem {
  /** Keys and indexes from the root of the value. */
  readonly path: readonly (string | number)[]
  /** Whether the place is the key itself (it should not be there) or its value. */
  readonly about: 'key' | 'value'
  /** What was expected there and what was found. */
  readonly message: string
}

/** A problem with the value at a path. */
export function problemAt(path: Problem['path'], message: string): Problem {
  return { path, about: 'value', message }
}

/** The parts of a JSON Schema that are looked at; `expected` is our own annotation, in words. */
interface Schema {
  readonly expected?: string
  readonly default?: unknown
  readonly type?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly patternProperties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: unknown
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly minItems?: number
  readonly minProperties?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly pattern?: string
}

/**
 * Everything that is wrong with `value`, in words for the person who wrote it; empty when it matches the schema.
 *
 * Keys that a schema doesn't name are refused everywhere, whatever its `additionalProperties` says. A schema may say in
 * words what it expects (`Type.String({ pattern, expected: 'an IPv4 address' })`). In a union of objects the variant is
 * chosen by its literal properties (`kind`).
 */
export function explain(schema: TSchema, value: unknown): Problem[] {
  const problems = [...explainAt(schema, value, [])]
  if (problems.length === 0 && !Check(schema, value)) {
    return [{ path: [], about: 'value', message: 'it does not match the schema' }]
  }
  return problems
}

function* explainAt(schema: Schema, value: unknown, path: Problem['path']): Generator<Problem> {
  const variant = schema.anyOf ? chooseVariant(schema.anyOf, value) : schema
  if (variant && (variant.properties || variant.patternProperties) && isMap(value)) {
    yield* explainMap(variant, value, path)
  } else if (variant?.items && Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* explainAt(variant.items, item, [...path, index])
    if (value.length < (variant.minItems ?? 0)) yield wrong(schema, value, path)
  } else if (!Check(schema as TSchema, value)) {
    yield wrongVariant(schema.anyOf ?? [], value, path) ?? wrong(schema, value, path)
  }
}

/** Of maps that differ by their `kind`, the kind is what is wrong. */
function wrongVariant(variants: readonly Schema[], value: unknown, path: Problem['path']): Problem | null {
  const kinds = variants.flatMap((variant) => variant.properties?.kind ?? [])
  if (kinds.length === 0 || kinds.length < variants.length || !isMap(value)) return null
  return wrong({ anyOf: kinds }, value.kind, [...path, 'kind'])
}

function* explainMap(schema: Schema, value: Record<string, unknown>, path: Problem['path']): Generator<Problem> {
  const properties = schema.properties ?? {}
  const patterns = Object.entries(schema.patternProperties ?? {})
  for (const [key, item] of Object.entries(value)) {
    const at = [...path, key]
    const own = Object.hasOwn(properties, key)
      ? properties[key]
      : patterns.find(([pattern]) => new RegExp(pattern, 'u').test(key))?.[1]
    if (own) yield* explainAt(own, item, at)
    else yield { path: at, about: 'key', message: unknownKey(schema) }
  }
  for (const key of schema.required ?? []) {
    const missing = `missing; expected ${describe(properties[key] ?? {})}`
    // In a union, defaults are filled in only once a variant fits.
    const isFilledIn = properties[key]?.default !== undefined
    if (!Object.hasOwn(value, key) && !isFilledIn) yield { path: [...path, key], about: 'value', message: missing }
  }
  if (Object.keys(value).length < (schema.minProperties ?? 0)) {
    yield { path, about: 'value', message: `expected at least ${schema.minProperties} entries` }
  }
}

function unknownKey(schema: Schema): string {
  const known = Object.keys(schema.properties ?? {})
  if (known.length > 0) return `unknown key; known here: ${known.join(', ')}`
  return `this key is not allowed here; expected ${schema.expected ?? `keys like ${Object.keys(schema.patternProperties ?? {}).join(', ')}`}`
}

/** The variant whose literal properties are the value's; with one literal off, the value is reported as a whole. */
function chooseVariant(variants: readonly Schema[], value: unknown): Schema | undefined {
  if (Array.isArray(value)) return variants.find((variant) => variant.items)
  if (!isMap(value)) return undefined
  return variants.find(
    (variant) =>
      (variant.properties ?? variant.patternProperties) &&
      Object.entries(variant.properties ?? {}).every(
        ([key, own]) => own.const === undefined || own.const === value[key],
      ),
  )
}

function wrong(schema: Schema, value: unknown, path: Problem['path']): Problem {
  return { path, about: 'value', message: `expected ${describe(schema)}, got ${show(value)}` }
}

/** What a schema wants, in words. */
function describe(schema: Schema): string {
  if (schema.expected) return schema.expected
  if (schema.anyOf) return [...new Set(schema.anyOf.map(describe))].join(' or ')
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum) return schema.enum.map((item) => JSON.stringify(item)).join(' or ')
  if (schema.properties) {
    const kinds = Object.entries(schema.properties).filter(([, own]) => own.const !== undefined)
    return `a map${kinds.map(([key, own]) => ` with ${key}: ${JSON.stringify(own.const)}`).join(',')}`
  }
  const range = [
    schema.minimum === undefined ? [] : `at least ${schema.minimum}`,
    schema.maximum === undefined ? [] : `at most ${schema.maximum}`,
    schema.minItems === undefined ? [] : `of at least ${schema.minItems}`,
    schema.pattern === undefined ? [] : `like ${schema.pattern}`,
  ].flat()
  return [nouns[schema.type ?? ''] ?? 'something else', ...range].join(' ')
}

const nouns: Readonly<Record<string, string>> = {
  object: 'a map',
  array: 'a list',
  string: 'a text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  null: 'nothing',
}

function show(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (isMap(value)) return 'a map'
  if (value === null || value === undefined) return 'nothing'
  const text = JSON.stringify(value)
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
