import type { LookupAddress } from 'node:dns'
import type { RequestListener } from 'node:http'
import type { TestContext } from 'node:test'
import { systemClock } from '../../../src/base/clock.ts'
import { silentLog } from '../../../src/base/log.ts'
import { Events } from '../../../src/cache/events.ts'
import { type Origin, originsOf } from '../../../src/cache/origins.ts'
import type { UpstreamAsk, UpstreamResponse } from '../../../src/cache/upstream/ask.ts'
import { ManyPlaces } from '../../../src/cache/upstream/many-places.ts'
import { atEnd } from '../cleanup.ts'
import { startOrigin, type TestOrigin } from '../origin.ts'
import { settingsFor } from '../settings-for.ts'

export interface Rig {
  readonly upstream: ManyPlaces
  readonly events: Events
  readonly origins: ReadonlyMap<string, Origin>
  /** Asks for a file of `mirror.lab`, a package unless said otherwise. */
  readonly ask: (path: string, some?: Partial<UpstreamAsk>) => Promise<UpstreamResponse>
}

/** An upstream of its own, closed when the test ends. `origins` as in the YAML file. */
export function startRig(
  t: TestContext,
  origins: Record<string, unknown>,
  more: {
    siblings?: string[]
    parent?: string
    lookup?: (name: string) => Promise<LookupAddress[]>
  } = {},
): Rig {
  const { siblings = [], parent, lookup } = more
  const settings = settingsFor({ listen: '127.0.0.1:0', store: '/nowhere', origins, siblings })
  const events = new Events({ clock: systemClock, log: silentLog })
  const byHost = originsOf(settings)
  const upstream = new ManyPlaces({
    origins: byHost,
    siblings: settings.siblings,
    parent,
    via: 'causeway-test',
    events,
    ...(lookup ? { lookup } : {}),
  })
  atEnd(t, () => upstream.close())
  const ask = (path: string, some: Partial<UpstreamAsk> = {}) => {
    const origin = byHost.get('mirror.lab')
    if (!origin) throw new Error('the rig has no mirror.lab')
    return upstream.ask({ origin, method: 'GET', path, kind: 'package', headers: {}, ...some })
  }
  return { upstream, events, origins: byHost, ask }
}

/** A server on loopback, gone when the test ends. */
export async function serve(t: TestContext, answer: RequestListener): Promise<TestOrigin> {
  const server = await startOrigin(answer)
  atEnd(t, () => server.close())
  return server
}

export async function bodyOf({ body }: UpstreamResponse): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks)
}

export async function textOf(response: UpstreamResponse): Promise<string> {
  return (await bodyOf(response)).toString()
}

/** What the events so far were, in order. */
export function codesOf({ last }: Events): string[] {
  return last.map(({ code }) => code)
}
