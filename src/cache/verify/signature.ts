import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { CausewayError } from '../../base/errors.ts'
import { isClearsigned, signedText } from '../formats/clearsigned.ts'

/** gpgv's numbers of digest algorithms that no signature should rest on: MD5, SHA-1, RIPEMD-160. RFC 9580, section 9.5. */
const weakDigests = new Set(['1', '2', '3'])

/** Milliseconds for one look; checking takes 60. */
const patienceMs = 10_000

/** More than any top index has. */
const mostBytes = 32 * 1024 * 1024

/**
 * What a keyring vouches for in a signed index: `InRelease` (signed within) or `Release`, `repomd.xml` with a signature apart.
 *
 * By gpgv. As apt does: one good signature of a key in the keyring is enough, signatures of keys that aren't there count for
 * nothing, a bad one counts against all. Keys that have expired or are revoked are no good, nor are signatures by MD5 or SHA-1.
 * @param keyring The absolute path of a keyring as gpgv takes it (not armoured).
 * @param signature The signature that lies apart, armoured or not; undefined when it is within.
 * @returns What is signed and nothing else: of a clear-signed text what gpgv gives out.
 * @throws CausewayError `BadSignature`; `CommandFailed` when gpgv can't be run; `CommandTimeout`
 */
export async function verifySignature(keyring: string, signed: Buffer, signature: Buffer | undefined): Promise<Buffer> {
  if (signature === undefined) checkShape(signed)
  const { output, status, said } = await runGpgv(keyring, signed, signature)
  judge(status, said)
  return signature === undefined ? output : signed
}

/** One message that is all there is, so that gpgv can't be shown one part while clients read another. */
function checkShape(signed: Buffer): void {
  const text = signed.toString('latin1')
  if (!isClearsigned(text)) throw bad('it is not signed')
  try {
    signedText(text)
  } catch (cause) {
    throw bad(`it is not one signed text: ${(cause as Error).message}`, cause)
  }
}

function judge(status: string, said: string): void {
  const lines = status.split('\n').flatMap((line) => (line.startsWith('[GNUPG:] ') ? [line.slice(9).split(' ')] : []))
  const keysOf = (...words: string[]) => lines.filter(([word = '']) => words.includes(word)).map(([, key]) => key ?? '')
  const [wrong] = keysOf('BADSIG')
  if (wrong !== undefined) throw bad(`the signature by key ${wrong} is wrong`)
  // After a good signature comes a line on what it is; the same line also follows those of expired and revoked keys.
  const good = lines.some(([word], at) => {
    if (word !== 'GOODSIG') return false
    const next = lines.slice(at + 1).find(([later = '']) => later.endsWith('SIG'))
    return next?.[0] === 'VALIDSIG' && !weakDigests.has(next[8] ?? '')
  })
  if (good) return
  const [old] = keysOf('EXPKEYSIG', 'EXPSIG')
  if (old !== undefined) throw bad(`key ${old} or its signature has expired`)
  const [revoked] = keysOf('REVKEYSIG')
  if (revoked !== undefined) throw bad(`key ${revoked} is revoked`)
  if (keysOf('GOODSIG').length > 0) throw bad('the signature rests on MD5 or SHA-1')
  const missing = keysOf('NO_PUBKEY')
  if (missing.length > 0) throw bad(`the keyring has none of its keys (${missing.join(', ')})`)
  throw bad(`gpgv finds no good signature: ${said.trim().slice(-300)}`)
}

async function runGpgv(keyring: string, signed: Buffer, signature: Buffer | undefined) {
  // The signature comes by a descriptor of its own: nothing lies in a file that could be changed in between.
  const apart = signature === undefined ? ['--output', '-', '-'] : ['--enable-special-filenames', '--', '-&4', '-']
  const args = ['--homedir', '/nonexistent', '--status-fd', '3', '--keyring', keyring, ...apart]
  const child = spawn('gpgv', args, {
    stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], LC_ALL: 'C' },
    signal: AbortSignal.timeout(patienceMs),
    killSignal: 'SIGKILL',
  })
  const [stdin, stdout, stderr, statusPipe, signaturePipe] = child.stdio
  // It may end before it has read all: what counts is what it says.
  for (const pipe of [stdin, signaturePipe]) (pipe as Writable).on('error', () => {})
  stdin?.end(signed)
  ;(signaturePipe as Writable).end(signature ?? Buffer.alloc(0))
  try {
    const [output, status, said] = await Promise.all([
      taken(stdout as AsyncIterable<Buffer>),
      taken(statusPipe as unknown as AsyncIterable<Buffer>),
      taken(stderr as AsyncIterable<Buffer>),
      once(child, 'close'),
    ])
    return { output, status: status.toString('latin1'), said: said.toString('utf8') }
  } catch (cause) {
    if (cause instanceof CausewayError) throw cause
    if ((cause as Error).name === 'AbortError') throw new CausewayError('CommandTimeout', 'gpgv did not end', { cause })
    throw new CausewayError('CommandFailed', `gpgv can't be run: ${(cause as Error).message}`, { cause })
  } finally {
    child.kill('SIGKILL')
  }
}

async function taken(pipe: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of pipe) {
    bytes += chunk.length
    if (bytes > mostBytes) throw bad(`what is signed has more than ${mostBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, bytes)
}

function bad(message: string, cause?: unknown): CausewayError {
  return new CausewayError('BadSignature', message, { cause })
}
