import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMetalink, readMetalink } from '../../../src/cache/formats/metalink.ts'

const [newest, older] = ['ab'.repeat(32), 'cd'.repeat(32)]

/** As MirrorManager writes it, less most of its mirrors. */
const text = `<?xml version="1.0" encoding="utf-8"?>
<metalink version="3.0" xmlns="http://www.metalinker.org/" type="dynamic" xmlns:mm0="http://fedorahosted.org/mirrormanager">
 <files>
  <file name="repomd.xml">
   <mm0:timestamp>1700000000</mm0:timestamp>
   <size>4000</size>
   <verification>
    <hash type="md5">${'0'.repeat(32)}</hash>
    <hash type="sha256">${newest.toUpperCase()}</hash>
   </verification>
   <mm0:alternates>
    <mm0:alternate>
     <verification><hash type="sha256">${older}</hash></verification>
    </mm0:alternate>
   </mm0:alternates>
   <resources maxconnections="1">
    <url protocol="https" type="https" location="DE" preference="100">https://one.lab/epel/9/repodata/repomd.xml</url>
    <url protocol="rsync" type="rsync" location="DE" preference="99">rsync://two.lab/epel/9/repodata/repomd.xml</url>
    <url protocol="http" type="http" location="DE" preference="98">http://Three.lab:80/a%20b/repodata/repomd.xml?x=1</url>
   </resources>
  </file>
 </files>
</metalink>`

test('a metalink vouches for the newest repomd.xml at each mirror of HTTP', () => {
  assert.deepEqual(readMetalink(Buffer.from(text)), [
    { host: 'one.lab', path: '/epel/9/repodata/repomd.xml', sha256: newest },
    { host: 'three.lab', path: '/a b/repodata/repomd.xml', sha256: newest },
  ])
})

test('of other files, without a SHA-256 or without mirrors it says nothing', () => {
  for (const other of [
    text.replace('name="repomd.xml"', 'name="other.iso"'),
    text.replace('sha256', 'sha512'),
    text.replace(/<url .*<\/url>/g, ''),
  ])
    assert.deepEqual(readMetalink(Buffer.from(other)), [])
})

test('what is none is refused', () => {
  for (const wrong of ['no', '<metalink><files>', text.replace(newest.toUpperCase(), 'abc'), `<!DOCTYPE a>${text}`])
    assert.throws(() => readMetalink(Buffer.from(wrong)), { code: 'MalformedOutput' }, wrong.slice(0, 60))
})

test('it is told by its name', () => {
  const names = ['/metalink', '/metalink?repo=epel-9&arch=x86_64', '/a/metalink', '/metalinks', '/metalink/x', '/%zz']
  assert.deepEqual(names.map(isMetalink), [true, true, true, false, false, false])
})
