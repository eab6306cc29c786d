import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { trusted } from '../../../src/cli/site/trust.ts'
import { fingerprint } from '../../../src/sites/host-key.ts'
import { scanHostKey } from '../../../src/sites/scan-host-key.ts'
import { freePort } from '../../support/free-port.ts'
import { startSshd, type TestSshd } from '../../support/sshd.ts'

describe("a host's key", () => {
  let sshd: TestSshd
  before(async () => {
    sshd = await startSshd(['host_rsa', 'host_ed25519'])
  })
  after(() => sshd.stop())

  const key = () => scanHostKey('127.0.0.1', sshd.target.port)
  const file = () => join(sshd.folder, 'host_ed25519.pub')

  it('is scanned, the ed25519 one before others, and has the fingerprint that ssh-keygen prints', async () => {
    const { type, blob } = await key()
    assert.equal(`${type} ${blob.toString('base64')}`, readFileSync(file(), 'utf8').split(' ').slice(0, 2).join(' '))
    const printed = execFileSync('ssh-keygen', ['-lf', file()], { encoding: 'utf8' })
    assert.equal(printed.split(' ')[1], fingerprint(blob))
  })

  it('is trusted when it is the expected one, or when the admin says so; else never', async () => {
    const shown = await key()
    const expected = fingerprint(shown.blob)
    const line = `${shown.type} ${shown.blob.toString('base64')}`
    assert.equal(await trusted(shown, 'h', { expected, name: null, ask: null }), line)
    const questions: string[] = []
    const answering = (answer: boolean) => (question: string) => {
      questions.push(question)
      return Promise.resolve(answer)
    }
    assert.equal(await trusted(shown, 'h', { expected: undefined, name: null, ask: answering(true) }), line)
    assert.ok(questions[0]?.includes(expected))
    const refused = { code: 'InvalidRequest', message: /nobody vouches/ }
    await assert.rejects(trusted(shown, 'h', { expected: undefined, name: null, ask: answering(false) }), refused)
    await assert.rejects(trusted(shown, 'h', { expected: undefined, name: null, ask: null }), refused)
    // A word beforehand is not talked away at the terminal.
    const other = trusted(shown, 'h', { expected: 'SHA256:other', name: null, ask: answering(true) })
    await assert.rejects(other, { code: 'HostKeyMismatch' })
  })

  it('cannot be had where nobody answers', async () => {
    await assert.rejects(scanHostKey('127.0.0.1', await freePort()), { code: 'HostUnreachable' })
  })
})
