import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { CausewayError } from '../../../src/base/errors.ts'
import { readCredentials } from '../../../src/sites/openstack/credentials.ts'

const auth = `{ auth_url: "https://keys.example:5000/v3", application_credential_id: theid, application_credential_secret: hush }`

describe('readCredentials', () => {
  let folder = ''
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'causeway-credentials-'))
  })
  after(() => rm(folder, { recursive: true }))

  async function file(text: string, mode = 0o600): Promise<string> {
    const path = join(folder, 'clouds.yaml')
    await writeFile(path, text)
    await chmod(path, mode)
    return path
  }

  it('reads a clouds.yaml, and its only cloud without being told which', async () => {
    const text = `clouds:\n  mine:\n    auth: ${auth}\n    region_name: north\n    interface: internal\n    cacert: /etc/ca.pem\n`
    const expected = {
      authUrl: 'https://keys.example:5000/v3',
      id: 'theid',
      secret: 'hush',
      region: 'north',
      interface: 'internal',
      caFile: '/etc/ca.pem',
    }
    assert.deepEqual(await readCredentials(await file(text), null), expected)
    assert.deepEqual(await readCredentials(await file(text), 'mine'), expected)
  })

  it('reads the keys of one cloud as JSON, and adds the version to the address', async () => {
    const auth_url = 'http://keys.example/identity/'
    const plain = { auth_url, application_credential_id: 'theid', application_credential_secret: 'hush' }
    assert.deepEqual(await readCredentials(await file(JSON.stringify(plain)), null), {
      authUrl: 'http://keys.example/identity/v3',
      id: 'theid',
      secret: 'hush',
      region: null,
      interface: 'public',
      caFile: null,
    })
  })

  it('refuses what it can not use, says why, and quotes no secret', async () => {
    const cases: readonly [text: string, why: RegExp, cloud?: string][] = [
      ['clouds: {}', /has no `clouds`/],
      ['hush: [', /neither YAML nor JSON/],
      [`clouds: { a: { auth: ${auth} }, b: { auth: ${auth} } }`, /which `cloud` of it to use: a, b/],
      [`clouds: { a: { auth: ${auth} } }`, /has no cloud c, only a/, 'c'],
      [
        'clouds: { a: { auth: { auth_url: "https://x", username: me, password: hush } } }',
        /must have .*auth.application_credential_id/,
      ],
      [`clouds: { a: { verify: false, auth: ${auth} } }`, /verify: false/],
    ]
    for (const [text, why, cloud = null] of cases) {
      await assert.rejects(readCredentials(await file(text), cloud), (error: CausewayError) => {
        assert.equal(error.code, 'Unauthorized')
        assert.match(error.message, why)
        assert.doesNotMatch(error.message, /hush/)
        return true
      })
    }
  })

  it('refuses a file that others may read, and one that is not there', async () => {
    for (const mode of [0o640, 0o604, 0o660]) {
      const path = await file(`clouds: { a: { auth: ${auth} } }`, mode)
      await assert.rejects(readCredentials(path, null), { code: 'Unauthorized', message: /chmod 600/ })
    }
    await assert.rejects(readCredentials(join(folder, 'none'), null), { code: 'Unauthorized', message: /ENOENT/ })
  })
})
