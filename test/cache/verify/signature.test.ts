import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CausewayError } from '../../../src/base/errors.ts'
import { verifySignature } from '../../../src/cache/verify/signature.ts'
import { startSigner } from './gpg.ts'

const release = 'Origin: Test\nDate: Mon, 23 Nov 2026 06:00:00 UTC\n- dashes\nSHA256:\n'

function refused(what: RegExp) {
  return (error: unknown) => error instanceof CausewayError && error.code === 'BadSignature' && what.test(error.message)
}

test('what a key of the keyring has signed is given out, and nothing else', async (t) => {
  const signer = await startSigner(t)
  await signer.key('good')
  await signer.key('other')
  const keyring = await signer.keyring('good')
  const signed = await signer.sign(release, ['good'])
  assert.equal((await verifySignature(keyring, signed, undefined)).toString(), release)
  const apart = await signer.sign(release, ['good'], ['--detach-sign', '--armor'])
  assert.equal((await verifySignature(keyring, Buffer.from(release), apart)).toString(), release)
  const binary = await signer.sign(release, ['good'], ['--detach-sign'])
  assert.equal((await verifySignature(keyring, Buffer.from(release), binary)).toString(), release)
  // Debian's indexes are signed by several keys, some of which a keyring may not have.
  const both = await signer.sign(release, ['other', 'good'])
  assert.equal((await verifySignature(keyring, both, undefined)).toString(), release)

  const others = await signer.sign(release, ['other'])
  await assert.rejects(verifySignature(keyring, others, undefined), refused(/the keyring has none of its keys/))
  const changed = Buffer.from(signed.toString().replace('Origin: Test', 'Origin: Fake'))
  await assert.rejects(verifySignature(keyring, changed, undefined), refused(/is wrong/))
  await assert.rejects(verifySignature(keyring, Buffer.from(`${release}x`), apart), refused(/is wrong/))
  const bothChanged = Buffer.from(both.toString().replace('Origin: Test', 'Origin: Fake'))
  await assert.rejects(verifySignature(keyring, bothChanged, undefined), refused(/is wrong/))
  await assert.rejects(verifySignature(keyring, Buffer.from(release), undefined), refused(/not signed/))
  await assert.rejects(verifySignature(keyring, Buffer.from(release), Buffer.from('x')), refused(/no good signature/))
  await assert.rejects(verifySignature(keyring, Buffer.from(release), Buffer.alloc(0)), refused(/no good signature/))
})

test('a text in front of, behind or between what is signed makes it no signed text', async (t) => {
  const signer = await startSigner(t)
  await signer.key('good')
  const keyring = await signer.keyring('good')
  const signed = (await signer.sign(release, ['good'])).toString()
  const unsigned = 'Origin: Evil\n'
  const tricks: Record<string, string> = {
    'in front': unsigned + signed,
    behind: signed + unsigned,
    'after an empty line': `${signed}\n\n${unsigned}`,
    twice: signed + signed,
    'in the head': signed.replace('Hash: SHA256\n', `Hash: SHA256\n${unsigned}`),
    'before the head': signed.replace('MESSAGE-----\n', `MESSAGE-----\n${unsigned}`),
    'a second message within': signed.replace(
      '-----BEGIN PGP SIGNATURE',
      `-----BEGIN PGP SIGNED MESSAGE-----\n\n${unsigned}\n-----BEGIN PGP SIGNATURE`,
    ),
    'no signature': signed.slice(0, signed.indexOf('-----BEGIN PGP SIGNATURE')),
  }
  for (const [name, text] of Object.entries(tricks)) {
    assert.notEqual(text, signed, name)
    await assert.rejects(verifySignature(keyring, Buffer.from(text), undefined), refused(/./), name)
  }
})

test('keys that have expired and signatures by SHA-1 are no good', async (t) => {
  const signer = await startSigner(t)
  const then = ['--faked-system-time', '20200101T000000!']
  await signer.key('old', then, 'ed25519', '1d')
  await signer.key('rsa', [], 'rsa2048')
  const keyring = await signer.keyring('old', 'rsa')
  const old = await signer.sign(release, ['old'], [...then, '--clearsign'])
  await assert.rejects(verifySignature(keyring, old, undefined), refused(/has expired/))
  const weak = await signer.sign(release, ['rsa'], ['--digest-algo', 'SHA1', '--clearsign'])
  await assert.rejects(verifySignature(keyring, weak, undefined), refused(/SHA-1/))
  const strong = await signer.sign(release, ['rsa'], ['--digest-algo', 'SHA256', '--clearsign'])
  assert.equal((await verifySignature(keyring, strong, undefined)).toString(), release)
})

test('a keyring that is not there vouches for nothing', async (t) => {
  const signer = await startSigner(t)
  await signer.key('good')
  const signed = await signer.sign(release, ['good'])
  await assert.rejects(verifySignature('/nonexistent/keyring.gpg', signed, undefined), refused(/./))
})
