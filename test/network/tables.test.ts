import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { dropKinds } from '../../src/network/kernel/guard.ts'
import type { Table } from '../../src/network/kernel/table.ts'
import { desiredTables } from '../../src/network/kernel/tables.ts'
import type { Gateway, Overlay } from '../../src/network/overlay.ts'
import { sample, withGateway, withIpv6 } from './sample.ts'

function tablesOf(overlay: Overlay, name = 'east'): readonly Table[] {
  const gateway = overlay.gateways.find((one) => one.name === name) ?? assert.fail(name)
  return desiredTables(overlay, gateway)
}

const intercepting = (overlay: Overlay, ...origins: string[]) =>
  withGateway(overlay, 'east', { interception: { port: 3128, origins } })

/** The base chains by family: those that have a say. */
function hooks(overlay: Overlay, name?: string): Record<string, string[]> {
  return Object.fromEntries(
    tablesOf(overlay, name).map(({ family, chains }) => [
      family,
      chains.filter((chain) => chain.base !== null).map((chain) => chain.name),
    ]),
  )
}

describe('the tables of a gateway', () => {
  it('redirect and masquerade only where the gateway does', () => {
    const isolated = { ip: ['isolate', 'inward'], ip6: ['isolate', 'inward'], bridge: ['guard'] }
    assert.deepEqual(hooks(sample, 'head'), isolated)
    assert.deepEqual(hooks(sample), { ...isolated, ip: ['isolate', 'inward', 'intercept', 'outward'] })
    const patch = (change: Partial<Gateway>) => withGateway(sample, 'east', change)
    assert.deepEqual(hooks(patch({ routes: false })), { ...isolated, ip: ['isolate', 'inward', 'intercept'] })
    assert.deepEqual(hooks(intercepting(sample)), { ...isolated, ip: ['isolate', 'inward', 'outward'] })
    assert.deepEqual(hooks(intercepting(sample, '10.77.9.9')), {
      ip: ['isolate', 'inward', 'intercept', 'outward'],
      ip6: ['isolate', 'inward'],
      bridge: ['guard', 'intercept'],
    })
  })

  it('do the same for IPv6, and masquerade only addresses that nobody outside can answer', () => {
    const six = intercepting(withIpv6(sample), '2001:db8::1', 'fd77::a4d:909')
    assert.deepEqual(hooks(six), {
      ip: ['isolate', 'inward', 'outward'],
      ip6: ['isolate', 'inward', 'intercept', 'outward'],
      bridge: ['guard', 'intercept'],
    })
    assert.deepEqual(hooks(intercepting(withIpv6(sample, '2001:db8:77::/64'), '2001:db8::1')).ip6, [
      'isolate',
      'inward',
      'intercept',
    ])
    assert.deepEqual(hooks(intercepting(sample, '2001:db8::1')).ip6, ['isolate', 'inward'])
  })

  it("take what gateways tell each other from none of the segment's members", () => {
    const rules = (overlay: Overlay, chain: string) =>
      tablesOf(overlay).flatMap(({ family, chains }) =>
        family === 'bridge'
          ? []
          : chains.filter(({ name }) => name === chain).map((one) => one.rules.map(({ text }) => text)),
      )
    const vxlan = 'iifname "cw77" udp dport { 4787, 4788, 4789 } drop'
    for (const chain of ['isolate', 'inward']) {
      const [four = [], six = []] = rules(sample, chain)
      assert.deepEqual([four[0], six[0]], [vxlan, vxlan])
      const byBgp: Overlay = { ...sample, mode: { kind: 'evpn', asn: 64_512, reflectors: ['head'] } }
      assert.equal(rules(byBgp, chain)[0]?.[1], 'iifname "cw77" tcp dport 17977 drop')
    }
  })

  it('tell rules apart by their comments, whatever the order of origins', () => {
    const comment = (port: number, ...origins: string[]) =>
      tablesOf(withGateway(sample, 'east', { interception: { port, origins } }))[0]?.chains.find(
        ({ name }) => name === 'intercept',
      )?.rules[0]?.comment
    assert.equal(comment(3128, '10.0.0.1', '10.0.0.2'), comment(3128, '10.0.0.2', '10.0.0.1', '10.0.0.1'))
    assert.notEqual(comment(3128, '10.0.0.1'), comment(3129, '10.0.0.1'))
    assert.notEqual(comment(3128, '10.0.0.1'), comment(3128, '10.0.0.2'))
  })

  it('have the same rules in the guard however many members there are', () => {
    const guard = (overlay: Overlay) => tablesOf(overlay).find((table) => table.family === 'bridge')
    assert.deepEqual(guard(sample)?.chains, guard({ ...sample, members: [] })?.chains)
    assert.deepEqual(
      guard({ ...sample, members: [] })?.sets.flatMap((set) => set.elements ?? []),
      [],
    )
  })

  it('name what each member may send as', () => {
    const sets = tablesOf(withIpv6(sample)).find((table) => table.family === 'bridge')?.sets ?? []
    const of = (name: string) => sets.find((set) => set.name === name)?.elements
    const mine = 'cwp000000e1 . 02:43:0a:4d:01:01'
    const first = (name: string) => of(name)?.filter((element) => element.startsWith('cwp000000e1'))
    assert.deepEqual(of('ports'), ['cwp000000e1', 'cwp000000e2'])
    assert.deepEqual(first('macs'), [mine])
    assert.deepEqual(first('members4'), [`${mine} . 10.77.1.1`])
    assert.deepEqual(first('members6'), [`${mine} . fe80::43:aff:fe4d:101`, `${mine} . fd77::a4d:101`])
    assert.deepEqual(first('targets6'), [
      `${mine} . 0xfe8000000000000000430afffe4d0101`,
      `${mine} . 0xfd77000000000000000000000a4d0101`,
    ])
    assert.deepEqual(first('links6'), [`${mine} . 0x2430a4d0101`])
  })

  it('count each kind of drop, and use each counter', () => {
    const guard = tablesOf(sample).find((table) => table.family === 'bridge')
    const rules = guard?.chains.flatMap((chain) => chain.rules.map((rule) => rule.text)).join('\n') ?? ''
    for (const kind of dropKinds) assert.match(rules, new RegExp(`counter name dropped_${kind} goto refuse`))
    assert.deepEqual(
      guard?.counters,
      dropKinds.map((kind) => `dropped_${kind}`),
    )
  })
})
