import { validateHeaderName, validateHeaderValue } from '../../base/http.ts'
import { ageSeconds } from '../rules/freshness.ts'
import type { Stored } from '../store/port.ts'
import type { Ready } from './fast-lane.ts'
import { replyTo } from './reply.ts'

/** What is the same in each response with a kept body. */
interface Same {
  /** Without its last fields, which are not the same. */
  readonly fields: string
  readonly body: Buffer
  /** The whole head at an age of so many seconds: whoever comes within the same one gets the same. */
  head: Buffer
  age: number
}

const noHead = Buffer.alloc(0)

/** Responses as they go onto the wire, with whatever stays the same from one client to the next made once. */
export class Wire {
  readonly #same = new WeakMap<Stored, Same | 'none'>()

  /** The whole of a kept response as a hit; undefined where Node's HTTP server would not send it so. */
  readyFor(stored: Stored & { readonly body: Buffer }, nowMs: number): Ready | undefined {
    let same = this.#same.get(stored)
    if (same === undefined) {
      same = sameOf(stored) ?? 'none'
      this.#same.set(stored, same)
    }
    if (same === 'none') return undefined
    const age = ageSeconds(stored.headers, stored.validatedAtMs, nowMs)
    if (age !== same.age) {
      same.head = Buffer.from(`${same.fields}age: ${age}\r\nx-cache: hit\r\n\r\n`, 'latin1')
      same.age = age
    }
    return same
  }
}

function sameOf({ status, headers, length, body }: Stored & { readonly body: Buffer }): Same | undefined {
  if (status !== 200 || body.length !== length) return undefined
  const { headers: flat } = replyTo('GET', {}, { status, headers, length, age: 0, outcome: 'hit' })
  let fields = 'HTTP/1.1 200 OK\r\n'
  for (let at = 0; at < flat.length; at += 2) {
    const [name, value] = [flat[at] as string, flat[at + 1] as string]
    if (name === 'age' || name === 'x-cache') continue
    try {
      validateHeaderName(name)
      validateHeaderValue(name, value)
    } catch {
      return undefined
    }
    fields += `${name}: ${value}\r\n`
  }
  return headers['date'] === undefined ? undefined : { fields, body, head: noHead, age: -1 }
}
