import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { SshHost } from '../../src/sites/ssh-host.ts'
import { freePort } from '../support/free-port.ts'
import { makeKey, startSshd, type TestSshd } from '../support/sshd.ts'

async function withSshd(
  work: (sshd: TestSshd) => Promise<void>,
  hostKeys?: readonly string[],
  settings?: readonly string[],
): Promise<void> {
  const sshd = await startSshd(hostKeys, settings)
  try {
    await work(sshd)
  } finally {
    await sshd.stop()
  }
}

async function withHost(host: SshHost, work: (host: SshHost) => Promise<void>): Promise<void> {
  try {
    await work(host)
  } finally {
    await host.close()
  }
}

describe('SshHost', () => {
  it('makes one connection at first use and shares it', () =>
    withSshd(async (sshd) => {
      await withHost(new SshHost(sshd.target), async (host) => {
        assert.equal(sshd.connections(), 0)
        await Promise.all(Array.from({ length: 12 }, () => host.exec(['true'])))
        await host.exec(['true'])
        assert.equal(sshd.connections(), 1)
      })
    }))

  it('rejects what was under way when the connection breaks, and connects anew for the next call', () =>
    withSshd(async (sshd) => {
      await withHost(new SshHost(sshd.target), async (host) => {
        await host.exec(['true'])
        const running = assert.rejects(host.exec(['sleep', '600']), { code: 'HostUnreachable', retryable: true })
        await host.exec(['true'])
        sshd.breakConnections()
        await running
        assert.equal((await host.exec(['echo', 'again'])).stdout, 'again\n')
      })
    }))

  it('asks again for sessions that the server refuses, and gives up when it never gets one', () =>
    withSshd(
      async (sshd) => {
        await withHost(new SshHost(sshd.target), async (host) => {
          const answers = await Promise.all(['a', 'b', 'c', 'd'].map((word) => host.exec(['echo', word])))
          assert.deepEqual(
            answers.map((answer) => answer.stdout),
            ['a\n', 'b\n', 'c\n', 'd\n'],
          )
          const go = join(sshd.folder, 'go')
          const blocking = host.exec(['sh', '-c', 'until [ -e "$0" ]; do sleep 0.05; done', go], { timeoutMs: 120_000 })
          // So long that the refusal is there by then.
          await assert.rejects(host.exec(['true'], { timeoutMs: 3000 }), {
            code: 'HostUnreachable',
            message: /no session for true: .*open failed/,
          })
          writeFileSync(go, '')
          await blocking
        })
      },
      undefined,
      ['MaxSessions 1'],
    ))

  it('says that nobody listens, and succeeds once somebody does', async () => {
    await withSshd(async (sshd) => {
      const target = { ...sshd.target, port: await freePort() }
      await withHost(new SshHost(target), async (host) => {
        const fails = () => assert.rejects(host.exec(['true']), { code: 'HostUnreachable', message: /ECONNREFUSED/ })
        await Promise.all([fails(), fails()])
        await fails()
      })
    })
  })

  it('gives up on a server that closes before it has said anything', async () => {
    const server = createServer((socket) => socket.destroy())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    try {
      await withSshd(async (sshd) => {
        const { port } = server.address() as { port: number }
        await withHost(new SshHost({ ...sshd.target, port }), (host) =>
          assert.rejects(host.exec(['true']), { code: 'HostUnreachable' }),
        )
      })
    } finally {
      server.close()
    }
  })

  it('refuses a host with another key, naming both fingerprints', () =>
    withSshd(async (sshd) => {
      const pin = 'other_ed25519'
      makeKey(sshd.folder, pin)
      const fingerprintOf = (name: string) =>
        execFileSync('ssh-keygen', ['-lf', join(sshd.folder, `${name}.pub`)], { encoding: 'utf8' }).split(' ')[1]
      const hostKey = readFileSync(join(sshd.folder, `${pin}.pub`), 'utf8')
      await withHost(new SshHost({ ...sshd.target, hostKey }), (host) =>
        assert.rejects(host.exec(['true']), (error: { code: string; message: string; retryable: boolean }) => {
          assert.equal(error.code, 'HostKeyMismatch')
          assert.equal(error.retryable, false)
          assert.ok(error.message.includes(String(fingerprintOf(pin))), error.message)
          assert.ok(error.message.includes(String(fingerprintOf('host_ed25519'))), error.message)
          return true
        }),
      )
    }))

  it('refuses a host that has only a key of another type', () =>
    withSshd(
      async (sshd) => {
        const hostKey = readFileSync(`${makeKey(sshd.folder, 'other_ed25519')}.pub`, 'utf8')
        await withHost(new SshHost({ ...sshd.target, hostKey }), (host) =>
          assert.rejects(host.exec(['true']), { code: 'HostKeyMismatch' }),
        )
      },
      ['host_ecdsa'],
    ))

  it('asks a host with several keys for the pinned one', () =>
    withSshd(
      async (sshd) => {
        for (const name of ['host_rsa', 'host_ed25519']) {
          const hostKey = readFileSync(join(sshd.folder, `${name}.pub`), 'utf8')
          await withHost(new SshHost({ ...sshd.target, hostKey }), async (host) => {
            assert.equal((await host.exec(['true'])).code, 0)
          })
        }
      },
      ['host_ed25519', 'host_rsa'],
    ))

  it('tells a key that is not authorized, not there, or not a key', () =>
    withSshd(async (sshd) => {
      const stranger = makeKey(sshd.folder, 'stranger_ed25519')
      const garbage = join(sshd.folder, 'garbage')
      writeFileSync(garbage, 'not a key\n')
      for (const keyFile of [stranger, garbage, join(sshd.folder, 'absent')]) {
        await withHost(new SshHost({ ...sshd.target, keyFile }), (host) =>
          assert.rejects(host.exec(['true']), { code: 'Unauthorized' }),
        )
      }
    }))
})
