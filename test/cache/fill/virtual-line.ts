import { largeBytes, nextRange } from '../../../src/cache/fill/next-range.ts'
import { afterSample, mostConnections, startingWidth } from '../../../src/cache/fill/width.ts'
import { bytesOf, type Extents, holes, withExtent } from '../../../src/cache/store/extents.ts'

/** A way from an origin to the cache. Rates are bytes per millisecond. */
export interface VirtualLine {
  readonly rate: number
  readonly roundTripMs: number
  /** What one connection brings at most: its window a round trip. */
  readonly connectionRate?: number
  /** Share of packets that are lost, whatever the load. */
  readonly loss?: number
  /** Milliseconds of the rate that wait in front of the line before packets are lost. */
  readonly bufferMs?: number
}

/** How a body came. */
export interface Came {
  /** From the first request to the last byte. */
  readonly ms: number
  /** Of the bytes that the line could have brought in this time, those of the body. */
  readonly share: number
  /** The same for the time in the middle: without the first second and the last half. */
  readonly steadyShare: number
  readonly requests: number
  /** Connections that were made; the most that were in use at a time. */
  readonly connections: number
  readonly atOnce: number
  /** Bytes that came for nothing: on their way when a transfer was cut short. */
  readonly wasted: number
  /** How far behind what had come a reader of the whole was at most; bytes. */
  readonly behind: number
}

const segment = 1448

/** A connection with cubic congestion control (RFC 9438), as a fluid. */
class Connection {
  /** Bytes that it may have on the way. */
  window = 10 * segment
  idleSinceMs = 0
  #slowStart = true
  #leastQueueMs = Number.POSITIVE_INFINITY
  /** The window before the last loss, and when that was. */
  #highest = 0
  #lostAtMs = 0

  /** A window each round trip, which a queue makes longer. */
  rate(line: VirtualLine, queueMs: number): number {
    return Math.min(this.window / (line.roundTripMs + queueMs), line.connectionRate ?? Number.POSITIVE_INFINITY)
  }

  /** After a request on a connection that was idle for longer than its retransmission timer. */
  wake(nowMs: number, line: VirtualLine): void {
    if (nowMs - this.idleSinceMs < line.roundTripMs + 200) return
    this.window = 10 * segment
    this.#slowStart = true
  }

  /** It brought so many bytes in a millisecond, behind a queue of so many milliseconds. */
  grow(bytes: number, queueMs: number, nowMs: number, line: VirtualLine): void {
    if (this.window >= line.roundTripMs * (line.connectionRate ?? Number.POSITIVE_INFINITY)) return
    // HyStart (RFC 9406): slow start ends when the round trip gets longer.
    this.#leastQueueMs = Math.min(this.#leastQueueMs, queueMs)
    if (this.#slowStart && queueMs - this.#leastQueueMs > Math.min(16, Math.max(4, line.roundTripMs / 8))) {
      this.#slowStart = false
      this.#highest = this.window
      this.#lostAtMs = nowMs
    }
    if (this.#slowStart) {
      this.window += bytes
      return
    }
    const passed = (nowMs - this.#lostAtMs) / 1000
    const k = Math.cbrt((this.#highest / segment) * (0.3 / 0.4))
    const cubic = segment * 0.4 * (passed - k) ** 3 + this.#highest
    const reno = 0.53 * segment * (bytes / this.window)
    this.window = Math.max(this.window + reno, Math.min(cubic, this.window + bytes / 2))
  }

  lose(nowMs: number, { roundTripMs }: VirtualLine): void {
    if (nowMs - this.#lostAtMs < roundTripMs) return
    this.#slowStart = false
    this.#highest = this.window
    this.#lostAtMs = nowMs
    this.window = Math.max(2 * segment, this.window * 0.7)
  }
}

/** A transfer as `Transfers` keeps it, on a connection; it begins to bring something at `fromMs`. */
interface Flow {
  at: number
  end: number
  open: boolean
  bytesPerMs: number
  readonly natural: number
  readonly connection: Connection
  readonly fromMs: number
  rateBytes: number
}

/**
 * Fetches a body of a size over a line in virtual time, with the decisions that `Transfers` takes: the same functions,
 * called at the same moments. Nothing in it is random but for which packets are lost, and that is the same each time.
 */
export function fetchOver(line: VirtualLine, length: number, proven = 1, most = mostConnections): Came {
  const { roundTripMs } = line
  let present: Extents = []
  let idle: Connection[] = []
  let queued = 0
  let seed = 1
  const flows: Flow[] = []
  const seen = { requests: 0, connections: 0, atOnce: 0, wasted: 0, behind: 0, came: 0 }
  const history: number[] = []
  const wanted = [{ start: 0, end: length }]
  const start = startingWidth({ proven, roundTripMs, bytes: length })
  let width = { ...start, most: Math.min(most, start.most) }
  let nowMs = 0

  function random(): number {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
    return seed / 2 ** 31
  }

  function ask(start: number, end: number): void {
    // The one that was used last, as it is with undici's pool.
    const kept = idle.shift()
    const connection = kept ?? new Connection()
    connection.wake(nowMs, line)
    if (!kept) seen.connections += 1
    seen.requests += 1
    const fromMs = nowMs + (kept ? 1 : 2) * roundTripMs
    flows.push({ at: start, end, natural: end, open: false, bytesPerMs: 0, connection, fromMs, rateBytes: 0 })
    seen.atOnce = Math.max(seen.atOnce, flows.length)
  }

  function pump(): void {
    for (;;) {
      const front = holes(present, { start: 0, end: length })[0]?.start ?? length
      const { connections } = width
      const situation = { length, present, running: flows, wanted, waiting: [front], connections, roundTripMs }
      const piece = nextRange(situation)
      if (!piece) return
      for (const flow of flows) if (flow.at < piece.start && piece.start < flow.end) flow.end = piece.start
      ask(piece.start, piece.end)
    }
  }

  function finish(flow: Flow): void {
    flows.splice(flows.indexOf(flow), 1)
    if (flow.end === flow.natural) {
      flow.connection.idleSinceMs = nowMs
      idle = [...idle, flow.connection]
    } else {
      seen.wasted += Math.min(flow.natural - flow.end, flow.connection.rate(line, queued / line.rate) * roundTripMs)
    }
  }

  ask(0, length)
  let sampleMs: number | undefined
  let sampled = 0
  while (bytesOf(present) < length) {
    nowMs += 1
    if (nowMs > 1_000_000) throw new Error('it does not come to its end')
    const flowing = flows.filter(({ fromMs }) => fromMs <= nowMs)
    const first = flowing.some(({ open }) => !open) && seen.requests === 1
    for (const flow of flowing) flow.open = true
    if (first) {
      sampleMs = nowMs
      pump()
    }
    const offered = flowing.reduce((sum, { connection }) => sum + connection.rate(line, queued / line.rate), 0)
    const served = Math.min(line.rate, offered + queued)
    queued = Math.max(0, queued + offered - served)
    const full = queued > line.rate * (line.bufferMs ?? 50)
    if (full) queued = line.rate * (line.bufferMs ?? 50)
    let brought = 0
    for (const flow of flowing) {
      const { connection } = flow
      const bytes = offered === 0 ? 0 : (connection.rate(line, queued / line.rate) / offered) * served
      const useful = Math.min(bytes, flow.end - flow.at)
      present = withExtent(present, { start: flow.at, end: flow.at + useful })
      flow.at += useful
      flow.rateBytes += useful
      brought += useful
      connection.grow(bytes, queued / line.rate, nowMs, line)
      // All that overflows hits one in three, as it does when many are in the buffer.
      if (full && random() < 0.3) connection.lose(nowMs, line)
      if (random() < (bytes / segment) * (line.loss ?? 0)) connection.lose(nowMs, line)
    }
    seen.came += brought
    history.push(brought)
    if (nowMs % 100 === 0) {
      for (const flow of flowing) {
        const rate = flow.rateBytes / 100
        flow.bytesPerMs = flow.bytesPerMs === 0 ? rate : flow.bytesPerMs * 0.7 + rate * 0.3
        flow.rateBytes = 0
      }
    }
    const front = holes(present, { start: 0, end: length })[0]?.start ?? length
    seen.behind = Math.max(seen.behind, bytesOf(present) - front)
    const over = flowing.filter(({ at, end }) => end - at < 0.5)
    for (const flow of over) finish(flow)
    if (over.length > 0) pump()
    if (sampleMs !== undefined && nowMs - sampleMs >= Math.max(250, 10 * roundTripMs)) {
      const bytesLeft = length - bytesOf(present)
      const bytesPerMs = (seen.came - sampled) / (nowMs - sampleMs)
      if (bytesLeft > largeBytes) width = afterSample(width, { bytesPerMs, bytesLeft })
      sampled = seen.came
      sampleMs = nowMs
      pump()
    }
  }
  if (seen.atOnce > mostConnections) throw new Error(`${seen.atOnce} connections at a time`)
  const middle = history.slice(1000, -500)
  const { requests, connections, atOnce, wasted, behind } = seen
  return {
    ms: nowMs,
    share: length / (nowMs * line.rate),
    steadyShare: middle.reduce((sum, bytes) => sum + bytes, 0) / (middle.length * line.rate),
    requests,
    connections,
    atOnce,
    wasted,
    behind,
  }
}
