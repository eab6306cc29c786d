import { type Static, Type } from 'typebox'
import { answerReader } from '../http/json-answer.ts'
import { digestPattern } from './image-name.ts'

/** What the head knows of an image: `sha256-HEX.json` beside it. */
const ManifestSchema = Type.Object({
  /** SHA-256 of the file, hex. */
  digest: Type.String({ pattern: digestPattern }),
  /** The name that it was made under; names may point elsewhere by now. */
  name: Type.String(),
  /** Size of the file. */
  bytes: Type.Integer({ minimum: 1 }),
  /** Size of the disk that machines see, bytes. */
  virtualBytes: Type.Integer({ minimum: 1 }),
  /** ms since the epoch. */
  addedAtMs: Type.Integer({ minimum: 0 }),
  /** How it was made; null: it was made elsewhere. */
  built: Type.Union([
    Type.Null(),
    Type.Object({
      /** What the builder was given. */
      recipe: Type.Record(Type.String(), Type.Unknown()),
      /** The packages in it with their versions. */
      packages: Type.Record(Type.String(), Type.String()),
    }),
  ]),
})

export type Manifest = Static<typeof ManifestSchema>

/** Reads one. @throws CausewayError `MalformedOutput` */
export const readManifest = answerReader(ManifestSchema)
