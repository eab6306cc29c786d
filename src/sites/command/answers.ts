import { type Static, type TSchema, Type } from 'typebox'
import { CausewayError } from '../../base/errors.ts'
import { explain } from '../../config/explain.ts'

const Text = Type.String({ minLength: 1, expected: 'a text that is not empty' })
const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
const Maybe = <T extends TSchema>(schema: T) => Type.Optional(Type.Union([schema, Type.Null()]))

const MachineAnswer = Type.Object({
  id: Text,
  name: Text,
  cluster: Text,
  state: Type.Union([Type.Literal('running'), Type.Literal('stopped')]),
  createdAtMs: Type.Integer({
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    expected: 'whole milliseconds since the epoch',
  }),
  host: Maybe(Text),
  address: Maybe(Text),
  leaving: Maybe(Type.Object({ atMs: Count, reason: Type.String() })),
})

/** What `list` answers. */
export const ListAnswer = Type.Object({
  machines: Type.Array(MachineAnswer),
  unread: Type.Optional(Type.Array(Type.Object({ host: Text, message: Type.String() }))),
})

/** What `create` answers. */
export const CreateAnswer = Type.Object({ machine: MachineAnswer })

/** What `delete` answers. */
export const DeleteAnswer = Type.Object({})

/** What `console` answers. */
export const ConsoleAnswer = Type.Object({ console: Type.String() })

/** What `capacity` answers. */
export const CapacityAnswer = Type.Object({
  hosts: Type.Array(
    Type.Object({
      host: Text,
      closed: Maybe(Text),
      cpus: Maybe(Count),
      memoryMiB: Maybe(Count),
      freeMemoryMiB: Maybe(Count),
      machines: Count,
    }),
    { minItems: 1 },
  ),
  offers: Type.Optional(
    Type.Array(
      Type.Object({
        name: Text,
        zone: Maybe(Text),
        cpus: Count,
        memoryMiB: Count,
        gpus: Type.Optional(Count),
        pricePerHour: Maybe(Type.Number({ minimum: 0 })),
        interruptible: Type.Optional(Type.Boolean()),
      }),
    ),
  ),
  machinesLeft: Maybe(Count),
})

/** A machine, as a program tells it. */
export type MachineAnswer = Static<typeof MachineAnswer>

/**
 * Reads a program's answer.
 * @param who the program and what it was asked, for messages
 * @throws CausewayError `MalformedOutput` that names the first field that is wrong
 */
export function readAnswer<T extends TSchema>(who: string, schema: T, stdout: string): Static<T> {
  let value: unknown
  try {
    value = JSON.parse(stdout)
  } catch (cause) {
    const found = stdout.trim() === '' ? 'nothing' : JSON.stringify(stdout.slice(0, 200))
    const message = `${who} printed ${found}: it is to print one JSON document, and nothing else, to its standard output`
    throw new CausewayError('MalformedOutput', message, { cause })
  }
  const [problem] = explain(schema, value)
  if (!problem) return value as Static<T>
  throw malformed(who, problem.path, problem.message)
}

/** The error for a field of an answer. */
export function malformed(who: string, path: readonly (string | number)[], message: string): CausewayError {
  const at = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('')
  return new CausewayError('MalformedOutput', `${who}: ${at.replace(/^\./, '') || 'the answer'}: ${message}`)
}
