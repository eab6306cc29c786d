import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CausewayError } from '../../../src/base/errors.ts'
import type { Host } from '../../../src/base/host.ts'
import { type TestNodeParts, tryTestNode } from '../../../src/cli/site/test-node.ts'
import { ControllerConfigSchema } from '../../../src/config/controller-schema.ts'
import { parseYaml } from '../../../src/config/yaml.ts'
import { FakeDriver, FakeSite } from '../../fakes/driver.ts'
import { configText, someConfig } from '../../support/controller-config.ts'

/** A program's machines that join the segment by themselves need no gateway, so that none has to be there. */
function configOf(): ReturnType<typeof someConfig> {
  const config = someConfig()
  const { east } = config.sites
  assert.ok(east)
  // Of the driver's settings only how its machines come to the segment is looked at.
  const driver = { kind: 'openstack', network: 'join', image: '/images/base' } as unknown as typeof east.driver
  return { ...config, sites: { east: { ...east, driver } } }
}

const noHost = (): Host => assert.fail('no gateway is asked')

/** A site whose machines print this a while after they were made. */
function trial(printed: string | null, parts: Partial<TestNodeParts> = {}, at = new FakeSite()) {
  let now = 0
  const clock = {
    now: () => now,
    sleep: (ms: number) => {
      now += ms
      if (now >= 5000 && printed !== null) for (const id of at.machines.keys()) at.print(id, printed)
      return Promise.resolve()
    },
  }
  const driver = new FakeDriver({ site: 'east', cluster: 'lab', clock, at })
  const run = () =>
    tryTestNode({
      config: configOf(),
      site: 'east',
      driver,
      host: noHost,
      at: null,
      reach: true,
      clock,
      deadlineMs: 60_000,
      ...parts,
    })
  return { at, driver, run }
}

describe('a test node', () => {
  it('is made, heard and removed', async () => {
    const { at, driver, run } = trial('causeway-test: it boots\n')
    assert.equal(await run(), 'it boots')
    assert.equal(at.machines.size, 0)
    const made = driver.calls.filter(({ call }) => call === 'create')
    assert.equal(made.length, 1)
  })

  it('that says nothing in time is told with the end of its console, and removed', async () => {
    const { at, run } = trial(null)
    await assert.rejects(run(), {
      code: 'BootTimeout',
      message: /east-test of image \/images\/base: it said nothing in time[^]*\nhello from east-test$/,
    })
    assert.equal(at.machines.size, 0)
  })

  it('whose router does not answer has failed, and is removed', async () => {
    const { at, run } = trial('causeway-test: no answer from 10.77.1.254\n')
    await assert.rejects(run(), { code: 'BootTimeout', message: /no answer from 10\.77\.1\.254/ })
    assert.equal(at.machines.size, 0)
  })

  it('of which the site did not say that it made it is removed all the same', async () => {
    const { at, driver, run } = trial(null)
    driver.interfere = ({ call }, moment) => {
      if (call === 'create' && moment === 'after') throw new CausewayError('HostUnreachable', 'cut')
    }
    await assert.rejects(run(), { code: 'HostUnreachable' })
    assert.equal(at.machines.size, 0)
  })

  it('that need only boot is made at the host that is meant, with an address of no node, and no gateway is touched', async () => {
    const ssh = 'ssh: { address: 10.250.1.3, keyFile: /k, hostKey: ssh-ed25519 AAAA }'
    const hosts = `{ east: { gateway: true }, h2: { ${ssh}, underlay: 10.250.1.3, address: 10.77.1.253 } }`
    const text = configText({ driver: `{ kind: libvirt, image: /images/base, hosts: ${hosts} }` })
    const config = parseYaml(text, 'causeway.yaml', ControllerConfigSchema)
    const at = new FakeSite(['east', 'h2'])
    const { driver, run } = trial('causeway-test: it boots\n', { config, at: 'h2', reach: false }, at)
    const made: (readonly [string | undefined, string])[] = []
    driver.interfere = ({ call }, moment) => {
      if (call !== 'create' || moment !== 'after') return
      for (const { host, spec } of at.machines.values()) made.push([host, spec.nic.address])
    }
    assert.equal(await run(), 'it boots')
    assert.deepEqual(made, [['h2', '10.77.1.252/16']])
    assert.equal(at.machines.size, 0)
  })
})
