import type { Static, TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { CausewayError } from '../base/errors.ts'

/** A function that reads what a program prints as JSON of the given shape, and throws `MalformedOutput` for anything else. */
export function reader<T extends TSchema>(program: string, schema: T): (json: string) => Static<T> {
  const validator = Compile(schema)
  return (json) => {
    let value: unknown
    try {
      value = JSON.parse(json)
    } catch (cause) {
      throw new CausewayError('MalformedOutput', `${program} printed no JSON: '${json.slice(0, 200)}'`, { cause })
    }
    if (!validator.Check(value)) {
      const [first] = validator.Errors(value)
      throw new CausewayError('MalformedOutput', `${program}: ${first?.instancePath ?? ''} ${first?.message ?? ''}`)
    }
    return value
  }
}
