import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { resolve as resolveInSlices, type Wish } from '../../../src/cache/ahead/resolve.ts'
import type { Package } from '../../../src/cache/formats/format.ts'
import { compareDebian } from '../../../src/cache/formats/versions.ts'
import { makeDeb, packagesIn, tool } from '../formats/samples.ts'
import { scratchFolder } from '../start.ts'

const wish: Wish = { names: [], installed: [], recommends: false, compareVersions: compareDebian }

const resolve = (wanted: Wish, named: (name: string) => readonly Package[]) =>
  resolveInSlices(wanted, named, { next: () => undefined })

/** A package from a line such as `b=2 -> c (>= 1) | d, e ; virtual`: needs behind the arrow, what it provides behind `;`. */
function one(line: string): Package {
  const [, name = '', version = '1', needs = '', provides = ''] =
    /^(\w+)(?:=(\S+))?(?: -> ([^;]*))?(?: ?; (.*))?$/.exec(line) ?? []
  const need = (text: string) => {
    const [, wanted = '', constraint] = /^\s*(\w+)(?: \((.*)\))?\s*$/.exec(text) ?? []
    return { name: wanted, constraint }
  }
  return {
    name,
    version,
    architecture: 'all',
    host: undefined,
    path: `/${name}_${version}.deb`,
    expected: undefined,
    depends: needs === '' ? [] : needs.split(',').map((relation) => relation.split('|').map(need)),
    recommends: [],
    provides: provides === '' ? [] : provides.split(', ').map((text) => ({ name: text, version: undefined })),
  }
}

function namedIn(packages: readonly Package[]) {
  return (name: string) =>
    packages.filter((each) => each.name === name || each.provides.some((provided) => provided.name === name))
}

async function chosen(lines: readonly string[], wanted: Partial<Wish>) {
  const { packages, missing } = await resolve({ ...wish, ...wanted }, namedIn(lines.map(one)))
  return [
    packages.map(({ name, version }) => (version === '1' ? name : `${name}=${version}`)).join(' '),
    missing.map(({ name, neededBy }) => `${name} for ${neededBy}`).join(' '),
  ]
}

test('what is chosen for a wish', async () => {
  const cases: [lines: string[], wanted: Partial<Wish>, packages: string, missing: string][] = [
    [['a -> b', 'b -> c', 'c'], { names: ['a'] }, 'a b c', ''],
    [['a -> b', 'b -> a'], { names: ['a'] }, 'a b', ''],
    [['a=1', 'a=3', 'a=2'], { names: ['a'] }, 'a=3', ''],
    [['a -> b (<< 3)', 'b=1', 'b=3', 'b=2'], { names: ['a'] }, 'a b=2', ''],
    [['a -> b (= 9)', 'b'], { names: ['a'] }, 'a', 'b for a'],
    [['a -> x | b', 'b'], { names: ['a'] }, 'a b', ''],
    [['a -> b | c', 'b', 'c'], { names: ['a'] }, 'a b', ''],
    [['a -> b | c', 'b', 'c'], { names: ['c', 'a'] }, 'c a', ''],
    [['a -> mta', 'exim ; mta', 'postfix ; mta'], { names: ['a'] }, 'a exim', ''],
    [['a -> mta', 'exim ; mta', 'postfix ; mta'], { names: ['postfix', 'a'] }, 'postfix a', ''],
    [['a -> mta', 'mta', 'exim ; mta'], { names: ['a'] }, 'a mta', ''],
    [['a -> mta (>= 2)', 'exim ; mta'], { names: ['a'] }, 'a', 'mta for a'],
    [['a -> b, c', 'b -> d', 'c', 'd'], { names: ['a'], installed: ['b'] }, 'a c', ''],
    [['a -> b', 'b'], { names: ['a'], installed: ['a'] }, '', ''],
    [['a -> b, gone', 'b'], { names: ['a'], installed: ['gone'] }, 'a b', ''],
    [['a'], { names: ['a', 'nothing'] }, 'a', 'nothing for undefined'],
    [['a -> b', 'c -> b'], { names: ['a', 'c'] }, 'a c', 'b for a'],
  ]
  for (const [lines, wanted, packages, missing] of cases) {
    assert.deepEqual(
      await chosen(lines, wanted),
      [packages, missing],
      `${lines.join('; ')} for ${wanted.names?.join(' ')}`,
    )
  }
})

test('recommended packages come along where they are wanted, and are no loss where they are not to be had', async () => {
  const lines = ['a', 'b -> c', 'c'].map(one)
  const recommends = [[{ name: 'b', constraint: undefined }], [{ name: 'lost', constraint: undefined }]]
  const named = namedIn(lines.map((each) => (each.name === 'a' ? { ...each, recommends } : each)))
  const resolved = (recommends: boolean) => resolve({ ...wish, names: ['a'], recommends }, named)
  const names = async (all: boolean) => (await resolved(all)).packages.map(({ name }) => name)
  assert.deepEqual([await names(false), await names(true)], [['a'], ['a', 'b', 'c']])
  assert.deepEqual((await resolved(true)).missing, [])
})

const name = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')
const need = fc.record({ name, constraint: fc.constantFrom(undefined, '>= 2', '= 1', '<< 2') })
const repository = fc.array(
  fc.record({
    name,
    version: fc.constantFrom('1', '2', '3'),
    architecture: fc.constant('all'),
    host: fc.constant(undefined),
    path: fc.uuid(),
    expected: fc.constant(undefined),
    depends: fc.array(fc.array(need, { minLength: 1, maxLength: 3 }), { maxLength: 3 }),
    recommends: fc.array(fc.array(need, { minLength: 1, maxLength: 2 }), { maxLength: 1 }),
    provides: fc.array(fc.record({ name, version: fc.constantFrom(undefined, '2') }), { maxLength: 2 }),
  }),
  { maxLength: 12 },
)

function satisfies(
  one: Package,
  { name: wanted, constraint }: { name: string; constraint: string | undefined },
): boolean {
  const meets = (version: string | undefined) => {
    if (constraint === undefined) return true
    if (version === undefined) return false
    const [operator, other = ''] = constraint.split(' ')
    const order = compareDebian(version, other)
    return operator === '>=' ? order >= 0 : operator === '=' ? order === 0 : order < 0
  }
  if (one.name === wanted && meets(one.version)) return true
  return one.provides.some((provided) => provided.name === wanted && meets(provided.version))
}

type Repository = typeof repository extends fc.Arbitrary<infer T> ? T : never
const bare: Repository[number] = {
  name: 'a',
  version: '1',
  architecture: 'all',
  host: undefined,
  path: '',
  expected: undefined,
  depends: [],
  recommends: [],
  provides: [],
}
const [anyC, firstC, anyE] = [
  { name: 'c', constraint: undefined },
  { name: 'c', constraint: '= 1' },
  { name: 'e', constraint: undefined },
] as const
/** One relation is missing, and told by the name that another one begins with, which what is installed meets. */
const oneNameTwice: Repository = [
  { ...bare, provides: [{ name: 'e', version: undefined }] },
  { ...bare, depends: [[firstC], [anyC, anyE]], provides: [{ name: 'd', version: undefined }] },
  { ...bare, provides: [{ name: 'c', version: undefined }] },
]

test('whatever is chosen, each need is met by what is chosen, or told to be missing; nothing is there without being needed', async () => {
  await fc.assert(
    fc.asyncProperty(
      repository,
      fc.uniqueArray(name, { maxLength: 3 }),
      fc.uniqueArray(name, { maxLength: 2 }),
      async (packages, names, installed) => {
        const named = namedIn(packages)
        const { packages: got, missing } = await resolve({ ...wish, names, installed }, named)
        assert.equal(new Set(got).size, got.length)
        // What is there already: what is installed, and what that needs.
        const indexed = installed.filter((there) => packages.some((one) => one.name === there))
        const others = installed.filter((name) => !indexed.includes(name))
        const { packages: there } = await resolve({ ...wish, names: indexed, installed: others }, named)
        const all = [...got, ...there]
        for (const each of got) {
          for (const alternatives of each.depends) {
            const met = alternatives.some((wanted) => all.some((other) => satisfies(other, wanted)))
            const known = alternatives.some(({ name: wanted }) => installed.some((there) => there === wanted))
            const told = missing.some(({ name: lost }) => lost === alternatives[0]?.name)
            const lost =
              there.length > 0 && !alternatives.some((wanted) => packages.some((other) => satisfies(other, wanted)))
            assert.ok(met || known || told || lost)
            // What is missing is told by the first of its names, which another relation may begin with too.
            if (told && !met && !known)
              assert.ok(!alternatives.some((wanted) => packages.some((other) => satisfies(other, wanted))))
          }
          const wanted =
            names.some((wish) => satisfies(each, { name: wish, constraint: undefined })) ||
            got.some((other) =>
              other.depends.some((alternatives) => alternatives.some((wish) => satisfies(each, wish))),
            )
          assert.ok(wanted, each.name)
          assert.ok(!there.includes(each))
        }
      },
    ),
    { numRuns: 500, examples: [[oneNameTwice, ['d'], ['e']]] },
  )
})

test("it is what apt would bring, from an index that Debian's tools made", async (t) => {
  const folder = await scratchFolder(t)
  const repo = join(folder, 'repo')
  await mkdir(repo)
  const debs: Record<string, string>[] = [
    {
      Package: 'app',
      Version: '2:1.0',
      Depends: 'libone (>= 1.2~), tool | other-tool, virtual-mta, data (>= 2:1.0)',
      Recommends: 'nicer',
    },
    { Package: 'data', Version: '2:1.0' },
    { Package: 'data', Version: '3:1.1' },
    { Package: 'libone', Version: '1.1' },
    { Package: 'libone', Version: '1.2~rc1-1', 'Pre-Depends': 'libtwo' },
    { Package: 'libtwo', Version: '1', Depends: 'libone | nothing' },
    { Package: 'other-tool', Version: '1', Depends: 'nicer' },
    { Package: 'mailer', Version: '1', Provides: 'virtual-mta' },
    { Package: 'nicer', Version: '1', Depends: 'base (>= 1)' },
    { Package: 'base', Version: '1', Depends: 'under' },
    { Package: 'under', Version: '1' },
    { Package: 'broken', Version: '1', Depends: 'nowhere' },
  ]
  for (const fields of debs) await makeDeb(repo, fields)
  const listed = await tool(repo, ['apt-ftparchive', 'packages', 'pool'])
  await writeFile(join(repo, 'Packages'), listed)
  const packages = await packagesIn('/repo/Packages', listed)
  const apt = async (names: readonly string[], recommends: boolean, installed: readonly string[]) => {
    const state = join(folder, `apt-${names.join('-')}-${recommends}-${installed.length}`)
    for (const part of ['lists/partial', 'cache/archives/partial', 'etc'])
      await mkdir(join(state, part), { recursive: true })
    const status = packages
      .filter((one) => installed.includes(one.name))
      .map(
        (one) =>
          `Package: ${one.name}\nStatus: install ok installed\nArchitecture: all\nMaintainer: x <x@x>\nVersion: ${one.version}\nDescription: x\n`,
      )
    await writeFile(join(state, 'status'), status.join('\n'))
    await writeFile(join(state, 'sources'), `deb [trusted=yes] file:${repo} ./\n`)
    const options = Object.entries({
      'Dir::State': state,
      'Dir::State::status': join(state, 'status'),
      'Dir::Cache': join(state, 'cache'),
      'Dir::Etc': join(state, 'etc'),
      'Dir::Etc::sourcelist': join(state, 'sources'),
      'APT::Install-Recommends': String(recommends),
      'APT::Architecture': 'amd64',
      'APT::Sandbox::User': 'root',
      'Acquire::Languages': 'none',
    }).flatMap(([key, value]) => ['-o', `${key}=${value}`])
    await tool(folder, ['apt-get', ...options, '-qq', 'update'])
    const said = await tool(folder, ['apt-get', ...options, '-qq', '--print-uris', 'install', ...names])
    return [...said.toString().matchAll(/^'[^']*\/([^/']+)'/gm)]
      .map(([, file = '']) => decodeURIComponent(file))
      .toSorted()
  }
  for (const [names, recommends, installed] of [
    [['app'], false, []],
    [['app'], true, []],
    [['app'], true, ['base', 'under']],
    [['data', 'nicer'], false, ['under']],
    [['other-tool', 'app'], false, []],
  ] as const) {
    const { packages: got, missing } = await resolve({ ...wish, names, recommends, installed }, namedIn(packages))
    const files = got.map(({ path }) => path.slice(path.lastIndexOf('/') + 1)).toSorted()
    assert.deepEqual(missing, [])
    assert.deepEqual(files, await apt(names, recommends, installed), names.join(' '))
  }
  const lost = await resolve({ ...wish, names: ['broken'] }, namedIn(packages))
  assert.deepEqual(lost.missing, [{ name: 'nowhere', neededBy: 'broken' }])
})
