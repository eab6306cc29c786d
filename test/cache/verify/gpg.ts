import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import { atEnd } from '../cleanup.ts'
import { scratchFolder } from '../start.ts'

const run = promisify(execFile)

/** Who signs in a test: keys of its own, and a keyring for gpgv with some of them. */
export interface Signer {
  /** Makes a key; `options` go in front of the command. */
  key(name: string, options?: readonly string[], algorithm?: string, expires?: string): Promise<void>
  /** A keyring with these keys, as gpgv takes it. */
  keyring(...names: readonly string[]): Promise<string>
  /** Clear-signs, or signs apart with `detached`. */
  sign(text: string, names: readonly string[], options?: readonly string[]): Promise<Buffer>
}

/** gpg with a home that goes with the test, its agent too. */
export async function startSigner(t: TestContext): Promise<Signer> {
  const folder = await scratchFolder(t)
  const home = join(folder, 'gnupg')
  await mkdir(home, { mode: 0o700 })
  const common = ['--homedir', home, '--batch', '--yes', '--no-tty', '--pinentry-mode', 'loopback', '--passphrase', '']
  const gpg = (args: readonly string[]) => run('gpg', [...common, ...args], { encoding: 'buffer' })
  atEnd(t, async () => {
    await run('gpgconf', ['--homedir', home, '--kill', 'all'])
  })
  let count = 0
  return {
    async key(name, options = [], algorithm = 'ed25519', expires = 'never') {
      await gpg([...options, '--quick-generate-key', name, algorithm, 'sign', expires])
    },
    async keyring(...names) {
      const file = join(folder, `keyring-${(count += 1)}.gpg`)
      const { stdout } = await gpg(['--export', ...names])
      await writeFile(file, stdout)
      return file
    },
    async sign(text, names, options = ['--clearsign']) {
      const file = join(folder, `text-${(count += 1)}`)
      await writeFile(file, text)
      const users = names.flatMap((name) => ['--local-user', name])
      const { stdout } = await gpg([...users, '--output', '-', ...options, file])
      return stdout
    },
  }
}
