import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keysMeant, mustBeOrigin } from '../../../src/cache/watch/asked-url.ts'

const origins = new Map([
  ['deb.debian.org', { scheme: 'http' as const }],
  ['dl.rockylinux.org', { scheme: 'https' as const }],
])

test("an admin's URL means the keys of the origin, however nodes ask and however it is written", () => {
  for (const [url, keys] of [
    ['http://deb.debian.org/debian/pool/', 'http://deb.debian.org/debian/pool/'],
    ['http://dl.rockylinux.org/pub/rocky', 'https://dl.rockylinux.org/pub/rocky'],
    ['https://deb.debian.org', 'http://deb.debian.org'],
    ['HTTP://Deb.Debian.org/a%2bb//c', 'http://deb.debian.org/a+b/c'],
    ['https://gone.example/x?y=%20', 'https://gone.example/x?y=%20'],
  ] as const) {
    assert.equal(keysMeant(url, origins), keys)
  }
  for (const url of ['deb.debian.org/debian', 'ftp://deb.debian.org/', 'http://', '']) {
    assert.throws(() => keysMeant(url, origins), { code: 'InvalidRequest', message: /expected a URL such as http:/ })
  }
})

test('a host that is none of the origins is told, and which there are', () => {
  mustBeOrigin('http://DEB.debian.org/x', origins)
  assert.throws(() => mustBeOrigin('http://deb.debain.org/x', origins), {
    code: 'InvalidRequest',
    message: 'nothing of deb.debain.org is kept, and it is none of the origins: deb.debian.org, dl.rockylinux.org',
  })
})
