import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { retryAfterMs } from '../../../src/sites/http/retry-after.ts'
import { faultOf, isAbsent, isUnclear, refusal } from '../../../src/sites/openstack/errors.ts'

const nowMs = Date.UTC(2026, 10, 23, 12)

function no(status: number, body: unknown, headers: Record<string, string> = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return refusal('cloudy: POST /x', { status, text, header: (name) => headers[name] }, nowMs)
}

describe('refusal', () => {
  it('knows the services by their own words', () => {
    const neutron = (type: string, message: string) => ({ NeutronError: { type, message, detail: '' } })
    const cases = [
      [400, { badRequest: { message: 'Invalid.' } }, 'InvalidRequest', false],
      [401, { error: { code: 401, message: 'Authenticate.' } }, 'Unauthorized', false],
      [403, { forbidden: { message: 'Quota exceeded for cores: Requested 2' } }, 'QuotaExceeded', false],
      [403, { forbidden: { message: 'Maximum number of ports exceeded' } }, 'QuotaExceeded', false],
      [403, { forbidden: { message: "Policy doesn't allow it" } }, 'Unauthorized', false],
      [409, neutron('OverQuota', "Quota exceeded for resources: ['port']."), 'QuotaExceeded', false],
      [
        409,
        neutron('IpAddressGenerationFailure', 'No more IP addresses available on network n.'),
        'InsufficientCapacity',
        true,
      ],
      [409, neutron('MacAddressInUse', 'The mac address is in use.'), 'CommandFailed', true],
      [413, { overLimit: { message: 'This request was rate-limited.' } }, 'RateLimited', true],
      [429, '', 'RateLimited', true],
      [500, { computeFault: { message: 'Unexpected API Error.' } }, 'HostUnreachable', true],
      [503, '<html>away</html>', 'HostUnreachable', true],
      [404, { itemNotFound: { message: 'No.' } }, 'CommandFailed', false],
    ] as const
    for (const [status, body, code, retryable] of cases) {
      const error = no(status, body)
      assert.deepEqual([error.code, error.retryable], [code, retryable], `${status} ${JSON.stringify(body)}`)
      assert.equal(isAbsent(error), status === 404)
      assert.equal(isUnclear(error), status >= 500)
    }
  })

  it('says which OpenStack is old enough, and for how long to wait', () => {
    assert.match(no(406, '').message, /406 \(Nova must know microversion 2.69: OpenStack Stein or later\)/)
    assert.deepEqual(no(429, '', { 'retry-after': '30' }).facts, { status: 429, retryAfterMs: 30_000 })
    assert.deepEqual(no(429, '').facts, { status: 429 })
  })

  it('quotes no seed and no token that a service sends back', () => {
    const seed = Buffer.from('#cloud-config, and then munge.key').toString('base64').repeat(9)
    const quoted = `Invalid input for field/attribute user_data. Value: ${seed}. '${seed}' is too long`
    assert.equal(
      no(400, { badRequest: { message: quoted } }).message,
      'cloudy: POST /x: 400 Invalid input for field/attribute user_data.',
    )
    assert.equal(no(400, { badRequest: { message: `bad: ${seed}` } }).message, 'cloudy: POST /x: 400 bad: …')
  })
})

describe('faultOf', () => {
  it('tells want of room and of quota from other faults', () => {
    const cases = [
      ['No valid host was found. There are not enough hosts available.', 'InsufficientCapacity', true],
      [
        'Exceeded maximum number of retries. Exhausted all hosts available for retrying build failures.',
        'InsufficientCapacity',
        true,
      ],
      ['Quota exceeded for instances: Requested 1', 'QuotaExceeded', false],
      ['Image 7 is unacceptable: Image is not raw format', 'CommandFailed', false],
      [undefined, 'CommandFailed', false],
    ] as const
    for (const [message, code, retryable] of cases) {
      const error = faultOf('node-1', message)
      assert.deepEqual([error.code, error.retryable], [code, retryable], message)
    }
  })
})

describe('retryAfterMs', () => {
  it('reads seconds and dates', () => {
    assert.equal(retryAfterMs('120', nowMs), 120_000)
    assert.equal(retryAfterMs('Mon, 23 Nov 2026 12:00:30 GMT', nowMs), 30_000)
    assert.equal(retryAfterMs('Mon, 23 Nov 2026 11:00:00 GMT', nowMs), 0)
    assert.equal(retryAfterMs('soon', nowMs), null)
    assert.equal(retryAfterMs(undefined, nowMs), null)
  })
})
