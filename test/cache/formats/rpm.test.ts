import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { scratchFolder } from '../start.ts'
import { digest, packagesIn, suiteAt, tool } from './samples.ts'

const spec = `Name: tool
Epoch: 2
Version: 1.0~rc1
Release: 3
Summary: of the test & <more>
License: none
BuildArch: noarch
Requires: tool-data = 2:%{version}, /bin/sh
Recommends: nicer >= 4
Provides: tool-api = 7
%description
With </package> in it.
%package data
Summary: data
%description data
Data.
%install
mkdir -p %{buildroot}/usr/bin %{buildroot}/usr/share/tool
echo 1 > %{buildroot}/usr/bin/tool
echo 1 > %{buildroot}/usr/share/tool/data
%files
/usr/bin/tool
%files data
/usr/share/tool/data
`

/** A repository of two packages. `options` are createrepo_c's. */
async function repository(folder: string, options: readonly string[]): Promise<string> {
  await writeFile(join(folder, 'tool.spec'), spec)
  const defines = ['--define', `_topdir ${folder}`, '--define', `_rpmdir ${join(folder, 'repo')}`]
  await mkdir(join(folder, 'repo'), { recursive: true })
  await tool(folder, ['rpmbuild', '-bb', '--quiet', ...defines, join(folder, 'tool.spec')])
  await tool(folder, ['createrepo_c', '--quiet', ...options, join(folder, 'repo')])
  return join(folder, 'repo')
}

for (const options of [[], ['--simple-md-filenames', '--checksum=sha512'], ['--zck'], ['--general-compress-type=xz']]) {
  test(`what createrepo_c ${options.join(' ')} writes is read`, async (t) => {
    const repo = await repository(await scratchFolder(t), options)
    const { suite, format } = suiteAt('/fedora/39/repodata/repomd.xml')
    assert.deepEqual([suite.root, suite.signature], ['/fedora/39/', '/fedora/39/repodata/repomd.xml.asc'])
    const top = format.readTop(suite, await readFile(join(repo, 'repodata/repomd.xml')))
    assert.ok(top.madeAtMs !== undefined && Math.abs(top.madeAtMs - Date.now()) < 600_000)
    const names = await readdir(join(repo, 'repodata'))
    assert.equal(top.files.length, names.length - 1)
    for (const { path, expected } of top.files) {
      const body = await readFile(join(repo, path.slice('/fedora/39/'.length)))
      assert.equal(expected.digest, digest(expected.algorithm, body))
      assert.equal(expected.bytes, body.length)
      assert.equal(format.kindOf(path), options.includes('--simple-md-filenames') ? 'index' : 'package')
      assert.deepEqual(format.suiteOf(path), suite)
    }
    const lists = top.files.filter(({ path }) => format.listsPackages(path))
    assert.equal(lists.length, 1)
    const file = lists[0]?.path ?? ''
    const packed = await readFile(join(repo, file.slice('/fedora/39/'.length)))
    const packages = await packagesIn(file, packed, 333)
    const [one, other] = packages.toSorted((a, b) => (a.name < b.name ? -1 : 1))
    assert.equal(packages.length, 2)
    const rpm = await readFile(join(repo, 'noarch/tool-1.0~rc1-3.noarch.rpm'))
    const algorithm = options.includes('--checksum=sha512') ? 'sha512' : 'sha256'
    assert.deepEqual(one?.expected, { algorithm, digest: digest(algorithm, rpm), bytes: rpm.length })
    assert.deepEqual(
      [one?.name, one?.version, one?.architecture, one?.path],
      ['tool', '2:1.0~rc1-3', 'noarch', '/fedora/39/noarch/tool-1.0~rc1-3.noarch.rpm'],
    )
    assert.deepEqual(one?.depends.map(([need]) => `${need?.name} ${need?.constraint}`).toSorted(), [
      '/bin/sh undefined',
      'tool-data = 2:1.0~rc1',
    ])
    assert.deepEqual(one?.recommends, [[{ name: 'nicer', constraint: '>= 4' }]])
    assert.deepEqual(one?.provides.map(({ name, version }) => `${name} ${version}`).toSorted(), [
      '/usr/bin/tool undefined',
      'tool-api 7',
    ])
    assert.equal(other?.name, 'tool-data')
    assert.equal(format.kindOf(one?.path ?? ''), 'package')
  })
}

const whole = (packages: string) => `<?xml version="1.0"?>\n<metadata packages="1">\n${packages}</metadata>\n`
const one =
  '<package type="rpm"><name>a</name><version epoch="0" ver="1" rel="2"/><location href="a-1-2.noarch.rpm"/></package>'

test('XML that expands, is cut, or is something else is refused as a whole', async () => {
  const file = '/r/repodata/primary.xml'
  assert.equal((await packagesIn(file, whole(one)))[0]?.version, '1-2')
  assert.deepEqual(await packagesIn(file, whole('')), [])
  const documents = {
    'a document type': `<!DOCTYPE metadata [<!ENTITY a "b">]>${whole(one)}`,
    'an entity of its own': whole(one.replace('>a<', '>&a;<')),
    'a section': whole(one.replace('>a<', '><![CDATA[a]]><')),
    'an end that is missing': whole(one).replace('</metadata>', ''),
    'a package that is cut': whole(one).slice(0, 90),
    'something between': whole(`${one}text${one}`),
    'another order': whole(one.replace('</name>', '</nam>')),
    'a path that climbs': whole(one.replace('a-1-2', '../a-1-2')),
    'a base that is no URL': whole(one.replace('<location', '<location xml:base="file:///etc"')),
    'no place': whole(one.replace('href', 'hrev')),
    'another root': one,
    'no XML': 'nothing',
    nothing: '',
  }
  for (const [name, text] of Object.entries(documents)) {
    for (const length of [1, 1000]) {
      await assert.rejects(packagesIn(file, text, length), { code: 'MalformedOutput' }, name)
    }
  }
})

test('a package elsewhere is told with its host', async () => {
  const elsewhere = one.replace('<location', '<location xml:base="https://Other.example/x/"')
  const [found] = await packagesIn('/r/repodata/primary.xml', whole(elsewhere))
  assert.deepEqual([found?.host, found?.path], ['other.example', '/x/a-1-2.noarch.rpm'])
})
