import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Answer, Asked } from './answers.ts'
import type { JumpingClock } from './clock.ts'
import { answerGlance } from './glance.ts'
import { answerKeystone } from './keystone.ts'
import { answerNeutron } from './neutron.ts'
import { answerNova } from './nova.ts'
import type { CloudImage, CloudPort, CloudServer } from './state.ts'

/** What goes wrong with a request: before it is carried out, or after that, when its answer is lost or another. */
export interface Fault {
  readonly moment: 'before' | 'after'
  /** `cut`: the connection breaks. */
  readonly answer: Answer | 'cut'
}

/**
 * An OpenStack cloud on loopback, as far as its documented API shows: Keystone v3, Nova 2.69, Neutron v2.0, Glance v2. It keeps
 * servers and ports through their states on a clock of the test's.
 */
export class FakeCloud {
  readonly project = randomUUID().replaceAll('-', '')
  readonly network = randomUUID()
  readonly subnet = randomUUID()
  readonly credential = { id: randomUUID(), secret: 'the-secret-of-the-credential' }
  readonly servers = new Map<string, CloudServer>()
  readonly ports = new Map<string, CloudPort>()
  readonly images: CloudImage[] = []
  readonly flavors = [
    { id: '1', name: 'm1.small', vcpus: 1, ram: 2048, extra_specs: {} },
    { id: '2', name: 'm1.large', vcpus: 4, ram: 8192, extra_specs: {} },
    { id: '3', name: 'g1.large', vcpus: 8, ram: 65536, extra_specs: { 'pci_passthrough:alias': 'gpu-a100:2' } },
  ]
  zones: readonly string[] = ['zone-a', 'zone-b']
  /** Zones whose cell Nova can't reach. */
  readonly darkZones = new Set<string>()
  /** Zones in which no host has room. */
  readonly fullZones = new Set<string>()
  /** The project's quota of servers. */
  instances = 100
  portQuota = Infinity
  pageSize = 1000
  tokenLifeMs = 3_600_000
  readonly tokens = new Map<string, number>()
  /** How long after a server was asked for it is in lists, its port tells it, and it is built; how long it takes to go. Ms. */
  delays = { listed: 0, bound: 0, built: 0, gone: 0 }
  /** Whether deleted servers are kept so that they can be restored. */
  keepsDeleted = false
  /** Makes requests go wrong. */
  interfere: (asked: Asked) => Fault | null = () => null
  /** Every request, in order. */
  readonly requests: Asked[] = []
  /** Ids of machines of which there were two servers at a time. */
  readonly doubles: string[] = []
  readonly clock: JumpingClock
  readonly #listener: Server

  constructor(clock: JumpingClock) {
    this.clock = clock
    this.#listener = createServer((request, response) => void this.#serve(request, response))
  }

  async listen(): Promise<void> {
    this.#listener.listen(0, '127.0.0.1')
    await once(this.#listener, 'listening')
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#listener.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    this.#listener.closeAllConnections()
    this.#listener.close()
    await once(this.#listener, 'close')
  }

  /** What there is of machines. */
  remains(): string[] {
    this.settle()
    const servers = [...this.servers.values()].map(({ name }) => `server ${name}`)
    const ports = [...this.ports.values()].map(({ name }) => `port ${name}`)
    return [...servers, ...ports]
  }

  /** The server of a machine. */
  serverOf(id: string): CloudServer {
    this.settle()
    const found = [...this.servers.values()].find(({ metadata }) => metadata.causeway_id === id)
    if (!found) throw new Error(`the cloud has no server of ${id}`)
    return found
  }

  /** Lets happen what is due by now. */
  settle(): void {
    const now = this.clock.now()
    for (const server of this.servers.values()) {
      const port = this.ports.get(server.portId)
      if (port && server.boundAtMs <= now && server.goneAtMs === null) port.deviceId = server.id
      if (!port && server.boundAtMs <= now) server.fault ??= `Port ${server.portId} could not be found.`
      if (server.goneAtMs !== null && server.goneAtMs <= now) {
        this.servers.delete(server.id)
        for (const one of this.ports.values()) if (one.deviceId === server.id) one.deviceId = ''
      }
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const asked = this.#asked(request, Buffer.concat(chunks).toString())
    this.requests.push(asked)
    const fault = this.interfere(asked)
    const real = fault?.moment === 'before' ? null : this.#answer(asked)
    const answer = fault?.answer ?? real
    if (!answer || answer === 'cut') return void request.socket.destroy()
    const isText = typeof answer.body === 'string'
    response.writeHead(answer.status, {
      date: new Date(this.clock.now()).toUTCString(),
      'content-type': isText ? 'text/html' : 'application/json',
      ...answer.headers,
    })
    response.end(answer.body === undefined ? '' : isText ? answer.body : JSON.stringify(answer.body))
  }

  #asked(request: IncomingMessage, text: string): Asked {
    const url = new URL(request.url ?? '/', this.url)
    const [, first = '', ...rest] = url.pathname.split('/')
    const services = { identity: 1, compute: 2, network: 1, image: 1 } as const
    if (!(first in services)) throw new Error(`nobody serves ${url.pathname}`)
    const service = first as Asked['service']
    const version = rest.slice(0, services[service])
    return {
      service,
      method: request.method ?? '',
      path: `/${rest.slice(version.length).join('/')}`,
      query: url.searchParams,
      header: (name) => request.headers[name]?.toString(),
      body: text === '' ? undefined : JSON.parse(text),
      base: `${this.url}/${first}/${version.join('/')}`,
    }
  }

  #answer(asked: Asked): Answer {
    this.settle()
    if (asked.service === 'identity') return answerKeystone(this, asked)
    const untilMs = this.tokens.get(asked.header('x-auth-token') ?? '') ?? 0
    if (untilMs <= this.clock.now()) {
      return {
        status: 401,
        body: {
          error: { code: 401, title: 'Unauthorized', message: 'The request you have made requires authentication.' },
        },
      }
    }
    if (asked.service === 'compute') return answerNova(this, asked)
    return asked.service === 'network' ? answerNeutron(this, asked) : answerGlance(this, asked)
  }
}
