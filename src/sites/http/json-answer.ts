import type { Static, TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { CausewayError } from '../../base/errors.ts'

/** Reads an answer; `what` names the question. @throws CausewayError `MalformedOutput` */
export type AnswerReader<T> = (what: string, json: string) => T

/**
 * A function that reads an answer of the given shape. Its errors never quote the answer, which may
 * have secrets.
 */
export function answerReader<T extends TSchema>(schema: T): AnswerReader<Static<T>> {
  const validator = Compile(schema)
  return (what, json) => {
    let value: unknown
    try {
      value = JSON.parse(json)
    } catch {
      throw new CausewayError('MalformedOutput', `${what}: answered no JSON`)
    }
    if (validator.Check(value)) return value
    const [first] = validator.Errors(value)
    throw new CausewayError('MalformedOutput', `${what}: answered ${first?.instancePath ?? ''} ${first?.message ?? ''}`)
  }
}
