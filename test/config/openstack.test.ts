import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { contradictions } from '../../src/config/contradictions.ts'
import { ControllerConfigSchema } from '../../src/config/controller-schema.ts'
import { parseYaml } from '../../src/config/yaml.ts'
import { configText } from '../support/controller-config.ts'

const network = '3537e809-8bec-4ae4-a5ab-2c6477760195'

function load(driver: string) {
  const text = configText({ driver: `{ kind: openstack, ${driver} }` })
  return parseYaml(text, 'causeway.yaml', ControllerConfigSchema, contradictions).sites.east?.driver
}

describe('Configuration of an OpenStack site', () => {
  it('has defaults for all that most need not say', () => {
    const least = `credentials: /etc/causeway/clouds.yaml, network: join, port: { network: ${network} }, image: debian, flavor: m1.small`
    assert.deepEqual(load(least), {
      kind: 'openstack',
      credentials: '/etc/causeway/clouds.yaml',
      network: 'join',
      port: { network, security: true, securityGroups: [] },
      zones: [],
      image: 'debian',
      flavor: 'm1.small',
      types: {},
      pace: { inFlight: 64, perSecond: 4, burst: 10 },
    })
  })

  it('takes all the rest', () => {
    const port = `{ network: ${network}, subnet: ${network}, securityGroups: [${network}] }`
    const types = `types: { standard: { flavor: c8, serverGroup: ${network}, volume: { size: 40GiB, type: ssd } } }`
    const place = 'cloud: mine, region: north, interface: internal, zones: [zone-a]'
    const driver = load(
      `credentials: /c, network: bridged, port: ${port}, image: "sha256:${'a'.repeat(64)}", flavor: c4, ${place}, ${types}`,
    )
    assert.deepEqual(driver?.kind === 'openstack' && driver.types.standard?.volume, {
      size: 40 * 2 ** 30,
      type: 'ssd',
    })
  })

  it('names what does not fit together, and where', () => {
    const rest = 'credentials: /c, image: debian, flavor: c4'
    const cases = [
      [`network: bridged, port: { network: ${network} }`, /driver.port.subnet: missing; a bridged network needs/],
      [
        `network: join, port: { network: ${network}, security: false, securityGroups: [${network}] }`,
        /driver.port.securityGroups: a port without security has no groups/,
      ],
      [
        `network: join, port: { network: ${network} }, types: { big: { flavor: c9 } }`,
        /driver.types.big: the site has no node type of this name; it has standard/,
      ],
      ['network: join, port: { network: lan }', /driver.port.network: expected the id of a network, as "openstack/],
      [`network: routed, port: { network: ${network} }`, /driver.network: expected "bridged" or "join"/],
    ] as const
    for (const [driver, message] of cases) {
      assert.throws(() => load(`${rest}, ${driver}`), { code: 'InvalidConfig', message })
    }
  })
})
