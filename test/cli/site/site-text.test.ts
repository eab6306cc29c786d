import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { assign, withHost, withoutSite, withSite } from '../../../src/cli/site/site-text.ts'

const text = `# The physicists' cluster.
head: { name: head } # in room 12
sites:
  # Near.
  east:
    order: 1 # first
  west: { order: 2 } # far
policy:
  grace: { orphan: 10m }
`

describe('the text of a configuration', () => {
  it('gets a site more and one less; comments and order stay', () => {
    const more = withSite(text, 'south', { order: 3 })
    assert.deepEqual(Object.keys((parse(more) as { sites: object }).sites), ['east', 'west', 'south'])
    for (const line of text.split('\n')) assert.ok(more.includes(line), line)
    assert.equal(withoutSite(more, 'south'), text)
    const less = withoutSite(text, 'west')
    assert.match(less, /order: 1 # first/)
    assert.doesNotMatch(less, /west|far/)
  })

  it('keeps its last site, and refuses to lose one that it has not', () => {
    assert.throws(() => withoutSite(withoutSite(text, 'west'), 'east'), /east is the only site/)
    assert.throws(() => withoutSite(text, 'south'), /has no site south/)
  })
})

describe("a site's pool in the text", () => {
  const pooled = `sites:
  east:
    # Old iron.
    driver:
      kind: libvirt # KVM
      image: debian
  west: { driver: { kind: libvirt, image: debian, hosts: { h1: { gateway: true } } } }
  south: { driver: &south { kind: libvirt } }
  north: { driver: *south }
`
  const hostsOf = (after: string, site: string) =>
    (parse(after) as { sites: Record<string, { driver: { hosts: object } }> }).sites[site]?.driver.hosts

  it('gets a host more; the gateway of a site without a pool keeps its name; comments stay', () => {
    const after = withHost(pooled, 'east', 'h2', { address: '10.77.1.253' })
    assert.deepEqual(hostsOf(after, 'east'), { east: { gateway: true }, h2: { address: '10.77.1.253' } })
    for (const line of pooled.split('\n')) assert.ok(after.includes(line), line)
    const twice = withHost(after, 'east', 'h3', {})
    assert.deepEqual(Object.keys(hostsOf(twice, 'east') ?? {}), ['east', 'h2', 'h3'])
    assert.deepEqual(hostsOf(withHost(pooled, 'west', 'h2', {}), 'west'), { h1: { gateway: true }, h2: {} })
  })

  it('is not changed through an alias, or where it is not', () => {
    for (const site of ['north', 'nowhere']) assert.throws(() => withHost(pooled, site, 'h2', {}), /not written out/)
  })
})

describe('assign', () => {
  it('sets what is deep inside, as YAML', () => {
    const site: Record<string, unknown> = { nodes: { maximum: 2 } }
    for (const one of ['nodes.idle=10m', 'driver.shared=[/home]', 'order=3', 'a.b=x=y']) assign(site, one)
    assert.deepEqual(site, {
      nodes: { maximum: 2, idle: '10m' },
      driver: { shared: ['/home'] },
      order: 3,
      a: { b: 'x=y' },
    })
  })

  it('refuses what is no assignment', () => {
    for (const bad of ['nodes.idle', '=x', '.a=1', 'a=[', 'a..b=1']) {
      assert.throws(() => assign({}, bad), /expected KEY=VALUE/, bad)
    }
    assert.throws(() => assign({ order: 3 }, 'order.x=1'), /order is no map/)
  })
})
