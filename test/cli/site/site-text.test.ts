import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { assign, withoutSite, withSite } from '../../../src/cli/site/site-text.ts'

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
