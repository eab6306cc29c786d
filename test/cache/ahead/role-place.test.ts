import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { packageLists, type RolePlace, rolePlaces, suitesOf } from '../../../src/cache/ahead/role-place.ts'
import { formatOf, formats } from '../../../src/cache/formats/formats.ts'
import { originsOf } from '../../../src/cache/origins.ts'
import { settingsFor } from '../settings-for.ts'

function place(role: Record<string, unknown>): RolePlace {
  const settings = settingsFor({
    listen: '127.0.0.1:0',
    store: '/s',
    origins: { 'mirror.lab': { address: '127.0.0.1' } },
    roles: { one: role },
  })
  const found = rolePlaces(settings.roles, originsOf(settings)).get('one')
  assert.ok(found)
  return found
}

const tops = (of: RolePlace) => suitesOf(of, formats).map((group) => group.map(({ top }) => top))

describe('where a role installs from', () => {
  test("Debian's suites are each needed", () => {
    const debian = place({
      repository: 'http://mirror.lab/debian/',
      suites: ['bookworm', 'bookworm-updates'],
      packages: ['a'],
    })
    assert.equal(debian.root, '/debian/')
    assert.deepEqual(tops(debian), [['/debian/dists/bookworm/InRelease'], ['/debian/dists/bookworm-updates/InRelease']])
  })

  test('without suites it is what its files say', () => {
    const rocky = place({ repository: 'http://mirror.lab/rocky/9/BaseOS/x86_64/os', packages: ['a'] })
    assert.ok(tops(rocky)[0]?.includes('/rocky/9/BaseOS/x86_64/os/repodata/repomd.xml'))
    const alpine = place({ repository: 'http://mirror.lab/alpine/v3.20/main', packages: ['a'] })
    assert.ok(tops(alpine)[0]?.includes('/alpine/v3.20/main/x86_64/APKINDEX.tar.gz'))
    const arch = place({ repository: 'http://mirror.lab/archlinux/core/os/x86_64', packages: ['a'] })
    assert.ok(tops(arch)[0]?.includes('/archlinux/core/os/x86_64/core.db'))
  })

  test('a role of files alone needs no index', () => {
    assert.deepEqual(tops(place({ repository: 'http://mirror.lab/images', files: ['debian.img'] })), [])
  })

  test('a repository that is no URL, or at none of the origins, is a mistake', () => {
    assert.throws(() => place({ repository: 'http://[/debian', packages: ['a'] }), {
      code: 'InvalidConfig',
      message: /roles\.one\.repository: .*is no URL/,
    })
    assert.throws(() => place({ repository: 'http://elsewhere.example/debian', packages: ['a'] }), {
      code: 'InvalidConfig',
      message: /roles\.one\.repository: elsewhere\.example/,
    })
  })
})

describe('which indexes list its packages', () => {
  const debian = (role: Record<string, unknown> = {}) =>
    place({ repository: 'http://mirror.lab/debian', suites: ['bookworm'], packages: ['a'], ...role })
  const lists = (of: RolePlace, paths: string[]) => {
    const [[suite] = []] = suitesOf(of, formats)
    assert.ok(suite)
    return packageLists(of, formatOf(suite), paths)
  }
  const at = (path: string) => `/debian/dists/bookworm/${path}`

  test('each list once, packed as clients like it best', () => {
    const paths = ['main/binary-amd64/Packages', 'main/binary-amd64/Packages.gz', 'main/binary-amd64/Packages.xz'].map(
      at,
    )
    assert.deepEqual(lists(debian(), paths), [at('main/binary-amd64/Packages.xz')])
    assert.deepEqual(lists(debian(), paths.slice(0, 2)), [at('main/binary-amd64/Packages.gz')])
    assert.deepEqual(lists(debian(), paths.slice(0, 1)), paths.slice(0, 1))
  })

  test('only of its components and architectures', () => {
    const paths = [
      'main/binary-amd64/Packages.xz',
      'main/binary-arm64/Packages.xz',
      'main/binary-all/Packages.xz',
      'contrib/binary-amd64/Packages.xz',
      'main/source/Sources.xz',
      'main/i18n/Translation-en.xz',
    ].map(at)
    assert.deepEqual(lists(debian(), paths), [at('main/binary-amd64/Packages.xz')])
    assert.deepEqual(lists(debian({ components: ['contrib'], architectures: ['amd64'] }), paths), [
      at('contrib/binary-amd64/Packages.xz'),
    ])
  })
})
