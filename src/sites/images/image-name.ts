import { CausewayError } from '../../base/errors.ts'
import { imageForm, imageNamePattern } from '../../config/images-schema.ts'

/** Where site hosts keep the images that were brought to them. */
export const hostImageFolder = '/var/lib/causeway/images'

/** A SHA-256 in hex. */
export const digestPattern = '^[0-9a-f]{64}$'

/** What a configuration or a command line means by an image. */
export type ImageReference =
  /** A file that every host has by itself. */
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'digest'; readonly digest: string }
  /** Whatever has the name in the head's store when it is asked for. */
  | { readonly kind: 'name'; readonly name: string }

/** Reads `/a/path`, `sha256:HEX` or a name. @throws CausewayError `InvalidRequest` */
export function readImageReference(text: string): ImageReference {
  if (text.startsWith('/')) return { kind: 'path', path: text }
  const [, digest] = /^sha256[:-]([0-9a-f]{64})$/.exec(text) ?? []
  if (digest !== undefined) return { kind: 'digest', digest }
  if (new RegExp(imageNamePattern).test(text)) return { kind: 'name', name: text }
  throw new CausewayError('InvalidRequest', `not an image: ${JSON.stringify(text)}; give ${imageForm}`)
}

/** The file name of an image, on the head and on hosts. */
export function imageFile(digest: string): string {
  return `sha256-${digest}.qcow2`
}

/** A digest as people get to see it: long enough to be told apart. */
export function shortDigest(digest: string): string {
  return digest.slice(0, 12)
}
