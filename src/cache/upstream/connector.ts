import type { LookupFunction, Socket } from 'node:net'
import { buildConnector } from 'undici'
import type { Names } from './names.ts'
import type { Endpoint } from './places.ts'

/** Milliseconds for a connection, with its TLS: two tries of the first packet. */
const connectTimeoutMs = 3_000

/**
 * How connections to an endpoint are made: to its address whatever its name, and to no other address than was checked.
 * They fail with `TargetRefused` where the address is one that may not be asked.
 */
export function connectorTo(endpoint: Endpoint, names: Names): buildConnector.connector {
  const { address, private: privateToo } = endpoint
  const make = buildConnector({ allowH2: false, timeout: connectTimeoutMs, lookup: lookupBy(names, privateToo) })
  return (options, callback) => {
    // Of what is an address already nobody would ask `lookup`.
    names.addressesOf(address, privateToo).then(
      () => make({ ...options, hostname: address }, callback),
      (error: Error) => callback(error, null),
    )
  }
}

/** A connection as undici would make it, for the caller alone. */
export function connect(connector: buildConnector.connector, { scheme, host, port }: Endpoint): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const options = { hostname: host, host, protocol: `${scheme}:`, port: String(port) }
    connector(options, (...[error, socket]) => (error ? reject(error) : resolve(socket)))
  })
}

function lookupBy(names: Names, privateToo: boolean): LookupFunction {
  return (name, options, callback) => {
    names.addressesOf(name, privateToo).then(
      (addresses) => {
        const [first] = addresses
        if (options.all) callback(null, [...addresses])
        else callback(null, first?.address ?? '', first?.family ?? 0)
      },
      (error: NodeJS.ErrnoException) => callback(error, ''),
    )
  }
}
