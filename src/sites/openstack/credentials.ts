import { readFile, stat } from 'node:fs/promises'
import { type Static, Type } from 'typebox'
import { Check } from 'typebox/value'
import { parse } from 'yaml'
import { CausewayError } from '../../base/errors.ts'

/** An application credential and where it is good. */
export interface Credentials {
  /** Keystone's address, ending in `/v3`. */
  readonly authUrl: string
  readonly id: string
  readonly secret: string
  readonly region: string | null
  readonly interface: string
  /** A PEM file; null: the authorities of this machine. */
  readonly caFile: string | null
}

const Secret = Type.String({ minLength: 1 })
const Auth = Type.Object({
  auth_url: Type.String({ pattern: '^https?://' }),
  application_credential_id: Secret,
  application_credential_secret: Secret,
})
const Place = Type.Object({
  region_name: Type.Optional(Type.String({ minLength: 1 })),
  interface: Type.Optional(Type.String({ pattern: '^(public|internal|admin)$' })),
  cacert: Type.Optional(Type.String({ minLength: 1 })),
  verify: Type.Optional(Type.Boolean()),
})
const Cloud = Type.Intersect([Place, Type.Object({ auth: Auth })])
const Clouds = Type.Object({ clouds: Type.Record(Type.String(), Type.Unknown(), { minProperties: 1 }) })
/** The same without `clouds` and `auth` around it. */
const Plain = Type.Intersect([Place, Auth])

/**
 * Reads a clouds.yaml (docs.openstack.org/openstacksdk, "Configuration") or a YAML or JSON file with the keys of one cloud.
 * @param cloud the entry; null: the only one
 * @throws CausewayError `Unauthorized` when the file can't be read, may be read by others, or lacks something: the message
 *   names it, and quotes nothing from the file
 */
export async function readCredentials(file: string, cloud: string | null): Promise<Credentials> {
  const value = parseText(file, await readPrivate(file))
  if (Check(Plain, value)) return credentials(file, value, value)
  if (!Check(Clouds, value))
    throw unusable(file, `it has no \`clouds\`, nor ${Object.keys(Auth.properties).join(', ')}`)
  const names = Object.keys(value.clouds)
  const name = cloud ?? (names.length === 1 ? names[0] : undefined)
  if (name === undefined) throw unusable(file, `say which \`cloud\` of it to use: ${names.join(', ')}`)
  const entry = value.clouds[name]
  if (entry === undefined) throw unusable(file, `it has no cloud ${name}, only ${names.join(', ')}`)
  if (Check(Cloud, entry)) return credentials(file, entry, entry.auth)
  const keys = Object.keys(Auth.properties).map((key) => `auth.${key}`)
  throw unusable(
    file,
    `cloud ${name} must have ${keys.join(', ')} (make one with "openstack application credential create")`,
  )
}

async function readPrivate(file: string): Promise<string> {
  try {
    const { mode } = await stat(file)
    if ((mode & 0o077) !== 0) throw unusable(file, `others may read it: chmod 600 ${file}`)
    return await readFile(file, 'utf8')
  } catch (cause) {
    if (cause instanceof CausewayError) throw cause
    throw unusable(file, (cause as Error).message)
  }
}

function parseText(file: string, text: string): unknown {
  try {
    return parse(text, { prettyErrors: false })
  } catch {
    // The parser's message would quote the line.
    throw unusable(file, 'it is neither YAML nor JSON')
  }
}

function credentials(file: string, place: Static<typeof Place>, auth: Static<typeof Auth>): Credentials {
  if (place.verify === false) throw unusable(file, '`verify: false` is not supported: name the authority with `cacert`')
  return {
    authUrl: auth.auth_url.replace(/\/+$/, '').replace(/(\/v3)?$/, '/v3'),
    id: auth.application_credential_id,
    secret: auth.application_credential_secret,
    region: place.region_name ?? null,
    interface: place.interface ?? 'public',
    caFile: place.cacert ?? null,
  }
}

function unusable(file: string, why: string): CausewayError {
  return new CausewayError('Unauthorized', `the credentials in ${file} can't be used: ${why}`)
}
