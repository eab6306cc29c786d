import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { HabitStore, habitTables } from '../../../src/cache/ahead/habit-store.ts'
import { Newest } from '../../../src/cache/ahead/newest.ts'
import { openDatabase } from '../../../src/cache/database.ts'
import type { Package, Suite } from '../../../src/cache/formats/format.ts'
import type { ListedSnapshot } from '../../../src/cache/snapshots/snapshots.ts'
import { scratchFolder } from '../start.ts'
import { wanted } from './fake-bringing.ts'

const { origin } = wanted('any')
const suite: Suite = { format: 'debian', root: '/debian/', top: '/debian/dists/lab/InRelease' }
const list = '/debian/dists/lab/main/binary-amd64/Packages.xz'

function pkg(name: string, version: string, architecture = 'amd64'): Package {
  const path = `/debian/pool/${name}_${version}_${architecture}.deb`
  const none = { expected: undefined, host: undefined, depends: [], recommends: [], provides: [] }
  return { name, version, architecture, path, ...none }
}

/** What is in use, and what was learned of it. */
function newest(packages: readonly Package[], { inUse = true, learned = true, pinnedBy = [] as string[] } = {}) {
  const file = { path: list, aliases: [], expected: { algorithm: 'sha256' as const, digest: 'ab', bytes: 1 } }
  const times = { madeAtMs: undefined, validatedAtMs: 0 }
  const snapshot: ListedSnapshot = { id: 'cd', origin, suite, files: [file], ...times, inUse, pinnedBy }
  return new Newest({
    snapshots: { list: () => Promise.resolve([snapshot]) },
    catalogue: {
      knows: ({ file: of }) => learned && of === list,
      named: (indexes, name) =>
        indexes.some(({ sha256 }) => sha256 === 'ab') ? packages.filter((one) => one.name === name) : [],
    },
    clock: { now: () => 0 },
  })
}

const paths = async (of: Newest, ...names: string[]) =>
  (
    await of.files(
      origin,
      names.map((name) => ({ name, architecture: 'amd64' })),
    )
  ).map(({ path }) => path)

describe('packages at their newest versions', () => {
  test('of several the newest by the order of the format, of the same architecture', async () => {
    const known = newest([pkg('a', '1.9'), pkg('a', '1.10'), pkg('a', '2.0', 'arm64'), pkg('b', '1')])
    assert.deepEqual(await paths(known, 'b', 'a', 'gone'), [
      '/debian/pool/b_1_amd64.deb',
      '/debian/pool/a_1.10_amd64.deb',
    ])
  })

  test('for a pinned cluster only what it stays with speaks', async () => {
    const known = newest([pkg('a', '1')], { inUse: false, pinnedBy: ['blue'] })
    const names = [{ name: 'a', architecture: 'amd64' }]
    assert.equal((await known.files(origin, names, 'blue')).length, 1)
    assert.equal((await known.files(origin, names, 'green')).length, 0)
  })

  test('only what is in use and was learned speaks', async () => {
    assert.deepEqual(await paths(newest([pkg('a', '1')], { inUse: false }), 'a'), [])
    assert.deepEqual(await paths(newest([pkg('a', '1')], { learned: false }), 'a'), [])
  })
})

test('habits are there after a new start, newest first; what can not be read is not', async (t) => {
  const folder = await scratchFolder(t)
  const first = openDatabase(folder, [habitTables])
  const habit = (...names: string[]) => ({ packages: new Map(names.map((name) => [name, 0])) })
  const store = new HabitStore(first)
  store.save('mirror.lab', [habit('old')])
  store.save('mirror.lab', [habit('a', 'b'), habit('c')])
  first.prepare("INSERT INTO habits VALUES ('mirror.lab', 9, 'rubbish')").run()
  first.close()
  const second = openDatabase(folder, [habitTables])
  const known = new HabitStore(second).load().get('mirror.lab') ?? []
  second.close()
  assert.deepEqual(
    known.map(({ packages }) => [...packages.keys()]),
    [['a', 'b'], ['c']],
  )
})
