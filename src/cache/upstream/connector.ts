import { isIP, type LookupFunction, type Socket } from 'node:net'
import { callbackify } from 'node:util'
import { buildConnector } from 'undici'
import { isPrivate } from './addresses.ts'
import { type Names, notPublic } from './names.ts'
import type { Endpoint } from './places.ts'

/** Milliseconds for a connection, with its TLS: two tries of the first packet. */
const connectTimeoutMs = 3_000

/**
 * How connections to an endpoint are made: to its address whatever its name, and to no other address than was checked.
 * They fail with `TargetRefused` where the address is one that may not be asked.
 */
export function connectorTo({ address, private: privateToo }: Endpoint, names: Names): buildConnector.connector {
  // Of what is an address already nobody asks `lookup`.
  if (isIP(address) > 0 && !privateToo && isPrivate(address)) {
    return (_options, callback) => process.nextTick(callback, notPublic(address, [address]), null)
  }
  const make = buildConnector({ allowH2: false, timeout: connectTimeoutMs, lookup: lookupBy(names, privateToo) })
  return (options, callback) => make({ ...options, hostname: address }, callback)
}

/** A connection as undici would make it, for the caller alone. */
export function connect(connector: buildConnector.connector, { scheme, host, port }: Endpoint): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const options = { hostname: host, host, protocol: `${scheme}:`, port: String(port) }
    connector(options, (...[error, socket]) => (error ? reject(error) : resolve(socket)))
  })
}

function lookupBy(names: Names, privateToo: boolean): LookupFunction {
  const resolve = callbackify((name: string) => names.addressesOf(name, privateToo))
  return (name, options, callback) => {
    resolve(name, (error, addresses) => {
      if (error) callback(error, '')
      else if (options.all) callback(null, [...addresses])
      else callback(null, addresses[0]?.address ?? '', addresses[0]?.family)
    })
  }
}
