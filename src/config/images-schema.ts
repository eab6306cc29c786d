import { Type } from 'typebox'
import { Ipv4Endpoint, Path, plainPathPattern } from './fields.ts'

/** The name of an image in the head's store. */
export const imageNamePattern = '^[a-z0-9][a-z0-9._-]{0,62}$'

/** What a configuration means by the image of a virtual machine: a name or digest of the head's store, or a file that every host has. */
export const imagePattern = `(${imageNamePattern})|(^sha256[:-][0-9a-f]{64}$)|(${plainPathPattern})`

/** The same in words. */
export const imageForm = 'a name of lower-case letters, digits, dots and hyphens, sha256:HEX, or an absolute path'

/** The name by which sites' caches know the head's image server, as an origin of their configuration. */
export const imageOrigin = 'images.causeway'

/** Where the image server listens that does so at all of the head's IPv4 addresses. */
export const anyAddress = '0.0.0.0'

/** The images of virtual machines on the head, and how sites get them. */
export const ImagesSchema = Type.Object(
  {
    /** Where the head keeps them. */
    folder: Path({ default: '/var/lib/causeway/images' }),
    /** Where the controller serves them to the sites, on the underlay; left out: hosts have what they have. */
    listen: Type.Optional(Ipv4Endpoint()),
    /** How sites reach that; left out: at the address that `listen` has, or at the head's underlay address for 0.0.0.0. */
    url: Type.Optional(
      Type.String({ pattern: '^http://[A-Za-z0-9.:[\\]-]+$', expected: 'a URL such as http://192.0.2.1:8471' }),
    ),
  },
  { default: {} },
)
