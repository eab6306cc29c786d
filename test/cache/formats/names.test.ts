import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectedByName } from '../../../src/cache/formats/digests.ts'
import { suiteOf } from '../../../src/cache/formats/formats.ts'
import { kindOf } from '../../../src/cache/formats/kinds.ts'
import { below, linkedFrom, plainPath } from '../../../src/cache/formats/paths.ts'

const sha256 = '0123456789abcdef'.repeat(4)

test('what never changes, what has to fit, and what is neither is told by name', () => {
  const origin = { immutable: ['/images/**/*.img', '/exact', '/one/*/two.*'] }
  const kinds = {
    package: [
      '/debian/pool/main/h/hello/hello_2.10-3_amd64.deb',
      '/debian/pool/main/g/gcc/libstdc%2b%2b6_12.2.0-14_amd64.deb',
      '/debian/pool/main/h/hello/hello_2.10-3.dsc',
      '/debian/pool/main/h/hello/hello_2.10-3.debian.tar.xz',
      `/debian/dists/bookworm/main/binary-amd64/by-hash/SHA256/${sha256}`,
      '/debian/dists/sid/main/binary-amd64/Packages.diff/T-2026-11-23-0206.10-F-2026-11-22-1411.33.gz',
      '/fedora/releases/39/Everything/x86_64/os/Packages/b/bash-5.2.15-5.fc39.x86_64.rpm',
      `/fedora/repodata/${sha256}-primary.xml.gz`,
      '/alpine/v3.19/main/x86_64/busybox-1.36.1-r15.apk',
      '/archlinux/core/os/x86_64/glibc-2.39-1-x86_64.pkg.tar.zst',
      '/archlinux/core/os/x86_64/glibc-2.39-1-x86_64.pkg.tar.zst.sig',
      `/packages/ab/cd/${'e'.repeat(60)}/tool-1.0.tar.gz`,
      '/wheels/numpy-1.26.2-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl',
      '/conda-forge/linux-64/numpy-1.26.2-py311h64a7726_0.conda',
      '/conda-forge/noarch/pip-23.3-pyhd8ed1ab_0.tar.bz2',
      '/lodash/-/lodash-4.17.21.tgz',
      '/@types/node/-/node-20.1.0.tgz',
      `/v2/library/debian/blobs/sha256:${sha256}`,
      `/images/${sha256}.qcow2`,
      '/images/a/b/disk.img',
      '/exact',
      '/one/x/two.gz?v=1',
    ],
    index: [
      '/debian/dists/bookworm/InRelease',
      '/debian/dists/bookworm/main/binary-amd64/Packages.diff/Index',
      '/debian/dists/bookworm/main/i18n/Translation-en.xz',
      '/flat/Packages.gz',
      '/fedora/repodata/repomd.xml',
      '/fedora/repodata/primary.xml.gz',
      '/fedora/repodata/repomd.xml.asc',
      '/metalink?repo=fedora-39&arch=x86_64',
      '/alpine/v3.19/main/x86_64/APKINDEX.tar.gz',
      '/archlinux/core/os/x86_64/core.db',
      '/archlinux/core/os/x86_64/core.db.sig',
      '/simple/numpy/',
      '/simple/',
      '/conda-forge/linux-64/repodata.json.zst',
      '/images/cloud/SHA512SUMS',
    ],
    other: [
      '/',
      '/images/disk.img',
      '/exactly',
      '/one/x/y/two.gz',
      '/tool.rpm',
      '/notes.db',
      '/lodash',
      '/%zz',
      '/a.apk',
    ],
  }
  for (const [kind, paths] of Object.entries(kinds)) {
    for (const path of paths) assert.equal(kindOf(origin, path), kind, path)
  }
})

test('an index is known to belong to its suite', () => {
  const suites: Record<string, [format: string, root: string, top: string] | undefined> = {
    '/debian/dists/bookworm/InRelease': ['debian', '/debian/', '/debian/dists/bookworm/InRelease'],
    '/debian/dists/bookworm/Release.gpg': ['debian', '/debian/', '/debian/dists/bookworm/InRelease'],
    '/debian/dists/bookworm/main/binary-amd64/Packages.xz': ['debian', '/debian/', '/debian/dists/bookworm/InRelease'],
    '/debian/dists/bookworm/main/binary-amd64/Release': ['debian', '/debian/', '/debian/dists/bookworm/InRelease'],
    '/debian/dists/bookworm/main/debian-installer/binary-amd64/Packages.xz': [
      'debian',
      '/debian/',
      '/debian/dists/bookworm/InRelease',
    ],
    '/debian/dists/bookworm/main/Contents-amd64.gz': ['debian', '/debian/', '/debian/dists/bookworm/InRelease'],
    '/ubuntu/dists/noble/Contents-amd64.gz': ['debian', '/ubuntu/', '/ubuntu/dists/noble/InRelease'],
    '/dists/bookworm/updates/main/source/Sources.xz': ['debian', '/', '/dists/bookworm/updates/InRelease'],
    '/dists/bookworm/updates/InRelease': ['debian', '/', '/dists/bookworm/updates/InRelease'],
    [`/debian/dists/sid/main/binary-amd64/by-hash/SHA256/${sha256}`]: [
      'debian',
      '/debian/',
      '/debian/dists/sid/InRelease',
    ],
    '/local/Packages.gz': ['debian', '/local/', '/local/InRelease'],
    '/local/./InRelease': ['debian', '/local/', '/local/InRelease'],
    [`/local/by-hash/SHA256/${sha256}`]: ['debian', '/local/', '/local/InRelease'],
    '/f/39/repodata/repomd.xml': ['rpm', '/f/39/', '/f/39/repodata/repomd.xml'],
    [`/f/39/repodata/${sha256}-filelists.xml.zck`]: ['rpm', '/f/39/', '/f/39/repodata/repomd.xml'],
    '/v3/main/x86_64/APKINDEX.tar.gz': ['alpine', '/v3/main/x86_64/', '/v3/main/x86_64/APKINDEX.tar.gz'],
    '/core/os/x86_64/core.db.sig': ['arch', '/core/os/x86_64/', '/core/os/x86_64/core.db'],
    '/simple/tool/': ['pypi', '/simple/tool/', '/simple/tool/'],
    '/c/noarch/repodata.json': ['conda', '/c/noarch/', '/c/noarch/repodata.json'],
    '/img/SHA256SUMS': ['image', '/img/', '/img/SHA256SUMS'],
    '/debian/pool/main/h/hello/hello_2.10-3_amd64.deb': undefined,
    '/debian/dists/README': undefined,
    '/debian/dists/': undefined,
    '/dists/main/binary-amd64': undefined,
    '/simple/': undefined,
    '/tool-1.0-1.noarch.rpm': undefined,
    '/../dists/x/InRelease': undefined,
  }
  for (const [path, expected] of Object.entries(suites)) {
    const suite = suiteOf(path)
    assert.deepEqual(suite && [suite.format, suite.root, suite.top], expected, path)
  }
})

test('a name is taken for a digest only where that is what it says', () => {
  const of = (path: string) => expectedByName(path)?.algorithm
  assert.equal(of(`/d/by-hash/SHA256/${sha256}`), 'sha256')
  assert.equal(of(`/d/by-hash/SHA512/${sha256}${sha256}`), 'sha512')
  assert.equal(of(`/d/by-hash/SHA1/${sha256.slice(24)}`), 'sha1')
  assert.equal(of(`/d/repodata/${sha256}-primary.xml.gz`), 'sha256')
  assert.equal(of(`/d/repodata/${sha256}${sha256}-primary.xml.gz`), 'sha512')
  assert.equal(of(`/v2/x/blobs/sha256:${sha256}`), 'sha256')
  assert.equal(of(`/images/sha256-${sha256}.qcow2`), 'sha256')
  for (const path of [
    `/d/by-hash/MD5Sum/${'a'.repeat(32)}`,
    `/d/by-hash/SHA256/${sha256}0`,
    `/d/by-hash/SHA256/${sha256.slice(1)}`,
    `/images/${sha256}.qcow2`,
    `/d/repodata/${'a'.repeat(32)}-primary.xml.gz`,
    '/d/repodata/repomd.xml',
  ]) {
    assert.equal(of(path), undefined, path)
  }
})

test('all spellings of a file are one; what climbs or hides something is none', () => {
  const same = { '/a/b': ['/a/b', '/a//b', '/a/./b', '/%61/b', '/a/b?c=d', '//a/b'], '/a/': ['/a/', '/a/./', '/a//.'] }
  for (const [plain, paths] of Object.entries(same)) {
    for (const path of paths) assert.equal(plainPath(path)?.replace(/\/$/, ''), plain.replace(/\/$/, ''), path)
  }
  assert.equal(plainPath('/'), '/')
  for (const path of ['/a/../b', '/..', '/%2e%2e/b', '/a%00', '/%', '/a%5cb', 'a', `/${'a'.repeat(5000)}`]) {
    assert.equal(plainPath(path), undefined, path)
  }
})

test('an index names files below its root only', () => {
  assert.equal(below('/r/', './a//b'), '/r/a/b')
  for (const name of ['../a', 'a/../../b', '/a', '', '.', 'a\nb', 'a\0', '..']) {
    assert.throws(() => below('/r/', name), { code: 'MalformedOutput' }, name)
  }
  assert.deepEqual(linkedFrom('/simple/a/', '../../p/b.whl'), { host: undefined, path: '/p/b.whl' })
  assert.deepEqual(linkedFrom('/simple/a/', '//H.example/p%2Bq'), { host: 'h.example', path: '/p+q' })
  for (const link of ['ftp://h/a', 'javascript:x', 'http://', 'https://h/%00']) {
    assert.equal(linkedFrom('/simple/a/', link), undefined, link)
  }
})
