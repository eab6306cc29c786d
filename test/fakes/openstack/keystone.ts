import { randomUUID } from 'node:crypto'
import { type Answer, type Asked, ok } from './answers.ts'
import type { FakeCloud } from './cloud.ts'

/** POST /v3/auth/tokens with an application credential. */
export function answerKeystone(cloud: FakeCloud, { method, path, body }: Asked): Answer {
  if (method !== 'POST' || path !== '/auth/tokens')
    return { status: 404, body: { error: { code: 404, message: path } } }
  const { auth } = body as { auth: { identity: { methods: string[]; application_credential: unknown } } }
  const { id, secret } = auth.identity.application_credential as { id: string; secret: string }
  const isGood = id === cloud.credential.id && secret === cloud.credential.secret
  if (auth.identity.methods.join() !== 'application_credential' || !isGood) {
    const message = 'The request you have made requires authentication.'
    return { status: 401, body: { error: { code: 401, title: 'Unauthorized', message } } }
  }
  const now = cloud.clock.now()
  const token = randomUUID()
  cloud.tokens.set(token, now + cloud.tokenLifeMs)
  const times = { issued_at: new Date(now).toISOString(), expires_at: new Date(now + cloud.tokenLifeMs).toISOString() }
  const project = { id: cloud.project, name: 'causeway', domain: { id: 'default', name: 'Default' } }
  const shown = { methods: ['application_credential'], ...times, project, catalog: catalogOf(cloud) }
  return { ...ok({ token: shown }, 201), headers: { 'x-subject-token': token } }
}

function catalogOf(cloud: FakeCloud) {
  const urls = {
    compute: `/compute/v2.1/${cloud.project}`,
    // Neutron's has no version usually, Glance's has.
    network: '/network',
    image: '/image/v2/',
  }
  return Object.entries(urls).map(([type, path]) => ({
    type,
    name: `the ${type} service`,
    endpoints: [
      { id: '1', interface: 'public', region: 'one', region_id: 'one', url: cloud.url + path },
      { id: '2', interface: 'internal', region: 'one', region_id: 'one', url: `http://10.0.0.1${path}` },
      { id: '3', interface: 'public', region: 'two', region_id: 'two', url: `http://10.0.0.2${path}` },
    ],
  }))
}
