import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'

/**
 * A DHCPv6 client (RFC 8415) for tests, to be run in a node's namespace: Solicit, Advertise, Request, Reply. Prints what it was
 * given as JSON, or `null` when it is given nothing or nobody answers `attempts` times.
 *
 * usage: node dhcp6-client.ts DEVICE ATTEMPTS IDENTIFIER
 */
const [device = '', attempts = '1', identifier = ''] = process.argv.slice(2)

const type = { solicit: 1, advertise: 2, request: 3, reply: 7 } as const
const option = {
  clientId: 1,
  serverId: 2,
  iaNa: 3,
  iaAddr: 5,
  oro: 6,
  elapsed: 8,
  dnsServers: 23,
  domainList: 24,
} as const

const transaction = randomBytes(3)
// DUID-UUID (RFC 6355)
const clientId = encode(option.clientId, Buffer.concat([Buffer.from([0, 4]), Buffer.alloc(16, identifier)]))
const iaid = Buffer.alloc(4, 7)

function encode(code: number, value: Buffer): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt16BE(code, 0)
  head.writeUInt16BE(value.length, 2)
  return Buffer.concat([head, value])
}

function decode(bytes: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>()
  for (let at = 0; at + 4 <= bytes.length; at += 4 + bytes.readUInt16BE(at + 2)) {
    found.set(bytes.readUInt16BE(at), bytes.subarray(at + 4, at + 4 + bytes.readUInt16BE(at + 2)))
  }
  return found
}

function message(kind: number, more: readonly Buffer[]): Buffer {
  const wanted = Buffer.from([0, option.dnsServers, 0, option.domainList])
  const common = [clientId, encode(option.elapsed, Buffer.alloc(2)), encode(option.oro, wanted)]
  return Buffer.concat([Buffer.from([kind]), transaction, ...common, ...more])
}

const text6 = (bytes: Buffer) =>
  Array.from({ length: bytes.length / 2 }, (_, k) => bytes.readUInt16BE(2 * k).toString(16)).join(':')

/** The names of a list in DNS's form, without compression. */
function names(bytes: Buffer): string[] {
  const list: string[] = []
  let labels: string[] = []
  for (let at = 0; at < bytes.length; at += 1 + (bytes[at] ?? 0)) {
    const length = bytes[at] ?? 0
    if (length > 0) labels.push(bytes.toString('latin1', at + 1, at + 1 + length))
    else {
      list.push(labels.join('.'))
      labels = []
    }
  }
  return list
}

const socket = createSocket('udp6')
await new Promise<void>((resolve) => {
  socket.bind(546, resolve)
})

/** Sends until an answer of the wanted kind comes; null when none does. */
async function exchange(out: Buffer, wanted: number): Promise<Map<number, Buffer> | null> {
  for (let attempt = 0; attempt < Number(attempts); attempt++) {
    const answer = await new Promise<Buffer | null>((resolve) => {
      const timer = setTimeout(() => resolve(null), 1000)
      socket.removeAllListeners('message')
      socket.on('message', (bytes: Buffer) => {
        if (bytes[0] !== wanted || !bytes.subarray(1, 4).equals(transaction)) return
        clearTimeout(timer)
        resolve(bytes)
      })
      // It fails until the device has a link-local address; the next attempt will see.
      socket.send(out, 547, `ff02::1:2%${device}`, () => undefined)
    })
    if (answer !== null) return decode(answer.subarray(4))
  }
  return null
}

const ia = encode(option.iaNa, Buffer.concat([iaid, Buffer.alloc(8)]))
const advertised = await exchange(message(type.solicit, [ia]), type.advertise)
const offered = advertised?.get(option.iaNa)
let given: object | null = null
if (advertised && offered && decode(offered.subarray(12)).has(option.iaAddr)) {
  const serverId = encode(option.serverId, advertised.get(option.serverId) ?? assert.fail('no server'))
  const reply = await exchange(message(type.request, [serverId, encode(option.iaNa, offered)]), type.reply)
  const address = decode(reply?.get(option.iaNa)?.subarray(12) ?? Buffer.alloc(0)).get(option.iaAddr)
  if (reply && address) {
    given = {
      address: text6(address.subarray(0, 16)),
      servers: text6(reply.get(option.dnsServers) ?? Buffer.alloc(0)),
      zones: names(reply.get(option.domainList) ?? Buffer.alloc(0)),
    }
  }
}
console.log(JSON.stringify(given))
socket.close()
