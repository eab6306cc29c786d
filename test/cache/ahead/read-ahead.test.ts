import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { silentLog } from '../../../src/base/log.ts'
import { Habits } from '../../../src/cache/ahead/habits.ts'
import { ReadAhead } from '../../../src/cache/ahead/read-ahead.ts'
import { type RolePlace, rolePlaces } from '../../../src/cache/ahead/role-place.ts'
import type { RoleContents, RoleWish } from '../../../src/cache/ahead/role-reader.ts'
import type { Wanted } from '../../../src/cache/fill/wanted.ts'
import { keyOf, originsOf } from '../../../src/cache/origins.ts'
import { settingsFor } from '../settings-for.ts'

const repository = 'http://mirror.lab/debian'

/** A cache whose roles install these packages; `asks` says what it fetches when a client asks for a path. */
function stage(roles: Record<string, string[] | Error>) {
  const settings = settingsFor({
    listen: '127.0.0.1:0',
    store: '/s',
    origins: { 'mirror.lab': { address: '127.0.0.1' }, 'other.lab': { address: '127.0.0.1' } },
    roles: Object.fromEntries(Object.keys(roles).map((name) => [name, { repository, packages: ['x'] }])),
  })
  const origins = originsOf(settings)
  const origin = origins.get('mirror.lab')
  assert.ok(origin)
  const file = (name: string): Wanted => {
    const path = `/debian/pool/${name}_1_all.deb`
    return { origin, path, key: keyOf(origin, path), kind: 'package', expected: undefined }
  }
  const state = { now: 1_000_000, reads: 0 }
  let batches: string[][] = []
  const known = new Map<string, RoleContents>()
  const setRole = (name: string, packages: string[]) =>
    known.set(name, { packages: packages.map(file), files: [], missing: [] })
  for (const [name, packages] of Object.entries(roles)) if (Array.isArray(packages)) setRole(name, packages)
  const short = ({ path }: Wanted) => path.replace('/debian/pool/', '').replace('_1_all.deb', '')
  const ahead = new ReadAhead({
    places: rolePlaces(settings.roles, origins),
    reader: {
      async read({ name }: RolePlace, { cluster }: RoleWish = {}) {
        state.reads += 1
        const found = known.get(cluster === undefined ? name : `${name} of ${cluster}`)
        if (!found) throw new Error('its indexes are away')
        return found
      },
    },
    queue: {
      add(files) {
        batches.push(files.map(short))
        return { done: new Promise(() => {}), watch: () => () => {}, progress: undefined as never }
      },
    },
    habits: new Habits(),
    newest: { files: async (_origin, names, cluster) => names.map(({ name }) => file(`${name}-${cluster ?? 'new'}`)) },
    snapshots: { viewerOf: (client) => (client.startsWith('10.1.') ? 'blue' : undefined) },
    clock: { now: () => state.now, sleep: () => Promise.resolve() },
    log: silentLog,
  })
  const asks = async (path: string, client = '10.0.0.1', host = 'mirror.lab') => {
    batches = []
    const of = origins.get(host)
    assert.ok(of)
    ahead.noticed(client, of, path)
    await new Promise((resolve) => setImmediate(resolve))
    return batches
  }
  return { state, asks, setRole, pkg: (name: string) => `/debian/pool/${name}_1_all.deb` }
}

const index = '/debian/dists/bookworm/InRelease'

describe('reading ahead of clients', () => {
  test('a client that turns to the repository of a role: all of it is brought, once', async () => {
    const { asks, state, pkg } = stage({ slurm: ['a', 'b', 'c'] })
    assert.deepEqual(await asks(index), [['a', 'b', 'c']])
    assert.deepEqual(await asks(index, '10.0.0.2'), [])
    assert.deepEqual(await asks(pkg('b')), [])
    assert.equal(state.reads, 1)
    state.now += 30_000
    assert.deepEqual(await asks(index), [['a', 'b', 'c']])
  })

  test('elsewhere nothing is known', async () => {
    const { asks, state } = stage({ slurm: ['a'] })
    assert.deepEqual(await asks('/ubuntu/dists/noble/InRelease'), [])
    assert.deepEqual(await asks(index, '10.0.0.1', 'other.lab'), [])
    assert.equal(state.reads, 0)
  })

  test('of several roles what they have in common, until a package tells which it is', async () => {
    const { asks, pkg } = stage({ slurm: ['base', 'slurmd', 'munge'], gpu: ['base', 'cuda', 'munge'] })
    assert.deepEqual(await asks(index), [['base', 'munge']])
    assert.deepEqual(await asks(pkg('munge')), [])
    assert.deepEqual(await asks(pkg('cuda')), [['base', 'cuda', 'munge']])
    assert.deepEqual(await asks(pkg('cuda')), [])
    assert.deepEqual(await asks(pkg('slurmd'), '10.0.0.2'), [['base', 'slurmd', 'munge']])
  })

  test('when the indexes say something else it is brought at once', async () => {
    const { asks, state, setRole } = stage({ slurm: ['a'] })
    await asks(index)
    state.now += 30_000
    setRole('slurm', ['a2'])
    assert.deepEqual(await asks(index), [['a2']])
  })

  test('nodes of a pinned cluster get what it stays with, others what there is now', async () => {
    const { asks, setRole } = stage({ slurm: ['a-2'] })
    setRole('slurm of blue', ['a-1'])
    assert.deepEqual(await asks(index, '10.1.0.1'), [['a-1']])
    assert.deepEqual(await asks(index), [['a-2']])
    assert.deepEqual(await asks(index, '10.1.0.2'), [])
  })

  test('a role whose indexes are away does not keep another from being brought', async () => {
    const { asks, pkg, state } = stage({ slurm: ['a', 'b'], gpu: new Error() })
    assert.deepEqual(await asks(index), [])
    assert.deepEqual(await asks(pkg('a')), [['a', 'b']])
    assert.equal(state.reads, 2)
  })

  test('without roles: what another client installed together, at its newest version', async () => {
    const { asks, state, pkg } = stage({})
    for (const name of ['a', 'b', 'c', 'd']) assert.deepEqual(await asks(pkg(name)), [])
    state.now += 60_000
    assert.deepEqual(await asks(pkg('a'), '10.0.0.2'), [])
    assert.deepEqual(await asks(pkg('b'), '10.0.0.2'), [])
    assert.deepEqual(await asks(pkg('c'), '10.0.0.2'), [['d-new']])
    assert.deepEqual(await asks(pkg('d'), '10.0.0.2'), [])
  })
})
