import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { CausewayError } from '../../../src/base/errors.ts'
import { breakOnce, count, instead } from './faults.ts'
import { ScratchCloud } from './scratch-cloud.ts'

describe('OpenStackDriver and Keystone', () => {
  let scratch: ScratchCloud
  beforeEach(async () => {
    scratch = await ScratchCloud.create()
  })
  afterEach(() => scratch.close())

  const tokens = () => count(scratch.cloud, 'POST /auth/tokens')

  it('uses one token for all, until it is about to end', async () => {
    const driver = scratch.driver()
    await Promise.all([driver.list(), driver.list(), driver.capacity()])
    assert.equal(tokens(), 1)
    scratch.clock.skip(3_600_000 - 121_000)
    await driver.list()
    assert.equal(tokens(), 1)
    scratch.clock.skip(2_000)
    await Promise.all([driver.list(), driver.capacity()])
    assert.equal(tokens(), 2)
  })

  it('gets another token when a service refuses one in the middle, and does the same again once', async () => {
    const { cloud } = scratch
    const driver = scratch.driver()
    await driver.create(scratch.spec('a'))
    cloud.tokens.clear()
    assert.equal((await driver.list()).machines.length, 1)
    assert.equal(tokens(), 2)
    cloud.interfere = ({ service }) => (service === 'compute' ? instead(401) : null)
    await assert.rejects(driver.list(), { code: 'Unauthorized' })
    assert.equal(tokens(), 3)
  })

  it('tells a credential that is refused, without it, and goes on once the file has another', async () => {
    const { cloud } = scratch
    const auth = { auth_url: `${cloud.url}/identity/v3/`, application_credential_id: cloud.credential.id }
    const write = (secret: string) =>
      scratch.writeCredentials({ ...auth, application_credential_secret: secret, region_name: 'one' })
    await write('a-wrong-secret')
    const driver = scratch.driver()
    await assert.rejects(driver.list(), (error: CausewayError) => {
      assert.equal(error.code, 'Unauthorized')
      assert.match(error.message, /Keystone at http.*requires authentication/)
      assert.doesNotMatch(JSON.stringify(error, Object.getOwnPropertyNames(error)), /a-wrong-secret/)
      return true
    })
    await write(cloud.credential.secret)
    assert.deepEqual((await driver.list()).machines, [])
  })

  it('passes on what else Keystone answers', async () => {
    breakOnce(scratch.cloud, 'POST /auth/tokens', instead(429, '', { 'retry-after': '5' }))
    await assert.rejects(scratch.driver().list(), { code: 'RateLimited', facts: { status: 429, retryAfterMs: 5000 } })
    breakOnce(scratch.cloud, 'POST /auth/tokens', instead(201, { token: {} }))
    await assert.rejects(scratch.driver().list(), { code: 'MalformedOutput' })
  })

  it('finds a service by region and interface, and says what there is instead', async () => {
    const nowhere = scratch.driver({ region: 'three' })
    await assert.rejects(nowhere.list(), {
      code: 'InvalidRequest',
      message:
        /no public endpoint of its \w+ service in region three; it has: public in region one, internal in region one/,
    })
    await assert.rejects(scratch.driver({ region: 'one', interface: 'admin' }).list(), /no admin endpoint/)
    await assert.rejects(scratch.driver({ cloud: 'there' }).list(), /no cloud there, only here/)
  })

  it('sends a token nowhere but to the addresses of the catalogue, whatever a page links to', async () => {
    const { cloud } = scratch
    const driver = scratch.driver()
    const link = { rel: 'next', href: 'http://127.0.0.1:9/evil/servers/detail?marker=none' }
    breakOnce(cloud, 'GET /servers/detail', instead(200, { servers: [], servers_links: [link] }))
    // The marker is unknown here, so that the list is begun again.
    assert.deepEqual((await driver.list()).machines, [])
    assert.ok(cloud.requests.some(({ query }) => query.get('marker') === 'none'))
  })
})
