import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { CausewayError } from '../../../src/base/errors.ts'
import { Refusal } from '../../fakes/ec2/refusal.ts'
import { Ec2Site, ec2Spec, SleeperClock } from './site.ts'

let site: Ec2Site
before(async () => {
  site = await Ec2Site.start(new SleeperClock())
})
after(() => site.close())
beforeEach(() => {
  site.api.interfere = () => null
})

const refusals = {
  InsufficientInstanceCapacity: 'InsufficientCapacity',
  InsufficientFreeAddressesInSubnet: 'InsufficientCapacity',
  SpotMaxPriceTooLow: 'InsufficientCapacity',
  Unsupported: 'InsufficientCapacity',
  InstanceLimitExceeded: 'QuotaExceeded',
  VcpuLimitExceeded: 'QuotaExceeded',
  MaxSpotInstanceCountExceeded: 'QuotaExceeded',
  'InvalidAMIID.NotFound': 'ImageMissing',
  'InvalidAMIID.Unavailable': 'ImageMissing',
  AuthFailure: 'Unauthorized',
  UnauthorizedOperation: 'Unauthorized',
  ExpiredToken: 'Unauthorized',
  InvalidClientTokenId: 'Unauthorized',
  InvalidParameterValue: 'InvalidRequest',
  InvalidParameterCombination: 'InvalidRequest',
  'InvalidGroup.NotFound': 'InvalidRequest',
  RequestLimitExceeded: 'RateLimited',
  Throttling: 'RateLimited',
}

for (const [code, expected] of Object.entries(refusals)) {
  test(`${code} is ${expected}, and no machine is made`, async () => {
    const id = `refused-${code}`
    // What the API knows by name is told by it, though some of it comes as a failure of the service.
    for (const status of expected === 'InvalidRequest' ? [400] : [400, 503]) {
      site.api.interfere = ({ action }) => (action === 'RunInstances' ? new Refusal(code, 'no', status) : null)
      await assert.rejects(site.driver().create(ec2Spec(id)), (error: CausewayError) => {
        assert.equal(error.code, expected)
        assert.match(error.message, /^cloud: .*no/)
        return true
      })
    }
    assert.deepEqual(site.cloud.remains(), [])
  })
}

test('a service that fails or does not answer is unreachable, and a read is asked three times', async () => {
  for (const fault of [new Refusal('InternalError', 'oops', 500), new Refusal('Unavailable', 'oops', 503)]) {
    site.api.interfere = () => fault
    const before = site.api.calls.length
    await assert.rejects(site.driver().list(), { code: 'HostUnreachable', retryable: true })
    assert.equal(site.api.calls.length, before + 3)
  }
  let cut = 2
  site.api.interfere = () => (cut-- > 0 ? 'cut before' : null)
  assert.deepEqual(await site.driver().list(), { machines: [], unread: [] })
  const nobody = { ...site.settings, endpoint: 'http://127.0.0.1:1' }
  await assert.rejects(site.driver({ settings: nobody }).list(), { code: 'HostUnreachable' })
})

test('a service that takes the question and never answers is unreachable', async () => {
  site.api.interfere = () => 'hang'
  await assert.rejects(site.driver({ answersWithinMs: 50 }).list(), { code: 'HostUnreachable' })
})

test('throttling is told at once, with the time that the service names, and without one where it names none', async () => {
  const asked = site.api.calls.length
  site.api.interfere = () => new Refusal('RequestLimitExceeded', 'slow', 503, { 'retry-after': '7' })
  await assert.rejects(site.driver().list(), (error: CausewayError) => {
    assert.equal(error.facts['retryAfterMs'], 7000)
    return error.code === 'RateLimited'
  })
  assert.equal(site.api.calls.length, asked + 1)
  site.api.interfere = () => new Refusal('RequestLimitExceeded', 'slow', 503)
  await assert.rejects(site.driver().list(), (error: CausewayError) => !('retryAfterMs' in error.facts))
})

test('the blob of an authorization failure is left out, and the way out is told', async () => {
  const message = 'You are not authorized. Encoded authorization failure message: c2VjcmV0c2VjcmV0'
  site.api.interfere = () => new Refusal('UnauthorizedOperation', message, 403)
  await assert.rejects(site.driver().list(), {
    message:
      'cloud: DescribeInstances: UnauthorizedOperation: You are not authorized. (look at the credentials of the site and at the policy in docs/ec2.md)',
  })
})

test('credentials that are not there are told as such, without a call', async () => {
  const asked = site.api.calls.length
  const settings = { ...site.settings, credentials: { file: '/nonexistent', profile: 'default' } }
  await assert.rejects(site.driver({ settings }).list(), { code: 'Unauthorized', retryable: false })
  assert.equal(site.api.calls.length, asked)
})

test('calls are signed with the key of the profile in the file', async () => {
  await site.driver().list()
  assert.equal(site.api.calls.at(-1)?.accessKey, 'AKIATEST')
})

for (const body of ['<html><body>Please log in</body></html>', '<DescribeInstancesResponse/>', 'hello', '']) {
  test(`an answer that is not one of EC2 does not make an empty site: ${JSON.stringify(body)}`, async () => {
    site.api.interfere = ({ action }) => (action === 'DescribeInstances' ? { body } : null)
    await assert.rejects(site.driver().list(), { code: 'MalformedOutput' })
    await assert.rejects(site.driver().delete('x'), { code: 'MalformedOutput' })
  })
}
