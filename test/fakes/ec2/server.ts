import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { actions } from './actions.ts'
import type { FakeCloud } from './cloud.ts'
import { type Parameters, readForm, text } from './query.ts'
import { Refusal } from './refusal.ts'
import { answerXml, errorXml } from './xml.ts'

/**
 * What happens to a call: it is turned down; the connection is cut before or after the act; it is cut and the act comes
 * later; no answer ever comes, nor act; or somebody else answers.
 */
export type Fault =
  | Refusal
  | 'hang'
  | 'cut before'
  | 'cut after'
  | { readonly actsInMs: number }
  | { readonly body: string }

/** A call that came. */
export interface FakeCall {
  readonly action: string
  readonly parameters: Parameters
  /** Who called: the access key's id. */
  readonly accessKey: string
}

/** The EC2 Query API of a fake cloud on a loopback port: a form comes in, XML goes out. Signatures are not verified. */
export class FakeEc2 {
  readonly cloud: FakeCloud
  readonly calls: FakeCall[] = []
  /** Is asked for each call what is to happen to it; null: what should. */
  interfere: (call: FakeCall) => Fault | null = () => null
  readonly #server: Server
  #late: { readonly atMs: number; readonly act: () => unknown }[] = []

  private constructor(cloud: FakeCloud) {
    this.cloud = cloud
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        response.statusCode = 500
        response.end(errorXml('InternalError', String(error)))
      })
    })
  }

  static async start(cloud: FakeCloud): Promise<FakeEc2> {
    const fake = new FakeEc2(cloud)
    fake.#server.listen(0, '127.0.0.1')
    await once(fake.#server, 'listening')
    return fake
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** How often an action was called. */
  count(action: string): number {
    return this.calls.filter((call) => call.action === action).length
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const { Action, Version: _version, ...parameters } = readForm(body)
    const accessKey = /Credential=([^/]+)\//.exec(request.headers.authorization ?? '')?.[1] ?? ''
    const call: FakeCall = { action: text(Action), parameters, accessKey }
    this.calls.push(call)
    this.actLate()
    const fault = this.interfere(call)
    if (fault === 'hang') return
    if (fault === 'cut before') return void request.socket.destroy()
    if (fault instanceof Object && 'body' in fault) return void response.end(fault.body)
    if (fault instanceof Object && 'actsInMs' in fault) {
      this.#late.push({ atMs: this.cloud.now() + fault.actsInMs, act: () => this.#answer(call, null) })
      return void request.socket.destroy()
    }
    const { status, headers, xml } = this.#answer(call, fault === 'cut after' ? null : fault)
    if (fault === 'cut after') return void request.socket.destroy()
    response.writeHead(status, { ...headers, 'content-type': 'text/xml;charset=UTF-8' }).end(xml)
  }

  /** Carries out the late acts whose time has come. */
  actLate(): void {
    const due = this.#late.filter(({ atMs }) => atMs <= this.cloud.now())
    this.#late = this.#late.filter((late) => !due.includes(late))
    for (const { act } of due) act()
  }

  #answer({ action, parameters, accessKey }: FakeCall, refusal: Refusal | null) {
    try {
      if (refusal) throw refusal
      if (accessKey === '') throw new Refusal('AuthFailure', 'not signed', 401)
      const act = actions[action]
      if (!act) throw new Refusal('InvalidAction', `The action ${action} is not valid for this web service.`)
      return { status: 200, headers: {}, xml: answerXml(action, act(this.cloud, parameters)) }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return { status: error.status, headers: error.headers, xml: errorXml(error.code, error.message) }
    }
  }
}
