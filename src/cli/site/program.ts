import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { createGzip } from 'node:zlib'
import { CausewayError } from '../../base/errors.ts'
import type { Host } from '../../base/host.ts'
import { packageFile } from '../../base/package-file.ts'
import { siteScript } from './prepare-steps.ts'

/** Where gateways have the program that was brought to them; scripts/site/causeway-site knows it, too. */
export const broughtProgram = '/var/lib/causeway/program/causeway'

/** What of this package a program needs that runs elsewhere; one of src and dist is there. */
const parts = ['bin', 'src', 'dist', 'scripts', 'package.json', 'LICENSE']

/** What of the packages nobody needs who only runs them. */
const unneeded = ['node_modules/.cache', '*.d.ts', '*.d.mts', '*.d.cts', '*.map', 'node_modules/better-sqlite3/deps']

/** How long bringing it may take over a slow line, ms: about 70 MB. */
const takeMs = 30 * 60_000

/** A packed program. */
interface Packed {
  /** SHA-256 of the archive before compression, hex: its identity. */
  readonly digest: string
  /** A tar archive, compressed by gzip. */
  readonly archive: Buffer
}

/**
 * Brings Causeway's own program, as it runs here, to a gateway, unless the very same is there. Where the gateway has no Node of
 * this one's major version, the Node that runs here comes along.
 * @returns what was done, in words
 * @throws CausewayError `InvalidRequest` where the gateway is another kind of machine; else as `HostScript.call`
 */
export async function bringProgram(host: Host): Promise<string> {
  const script = siteScript(host)
  const [major = ''] = process.versions.node.split('.')
  const [kind = '', node = '-'] = (await script.call(['program-kind', major])).trim().split('\n')
  const { stdout } = await promisify(execFile)('uname', ['-sm'])
  if (kind !== stdout.trim()) {
    throw new CausewayError(
      'InvalidRequest',
      `${host.name} is ${kind}, and this host ${stdout.trim()}: put Causeway there by hand (docs/install.md), and say --program and --node`,
    )
  }
  const comes = node === '-' ? process.execPath : null
  const { digest, archive } = await pack(comes)
  const own = comes === null ? '' : ', with its Node'
  const use = [digest, comes === null ? node : `./${basename(comes)}`]
  if ((await script.call(['program-use', ...use])).trim() === 'used') return `Causeway is there already${own}`
  await script.call(['program-take', ...use], archive, takeMs)
  return `Causeway is brought${own}: ${(archive.length / 2 ** 20).toFixed(0)} MiB`
}

/**
 * The program as an archive that is the same as long as its files are.
 * @param node a Node that comes along, at the archive's top; null: none
 */
async function pack(node: string | null): Promise<Packed> {
  const root = packageFile('.')
  const paths = [...parts.filter((part) => existsSync(join(root, part))), ...(await modules(root))]
  const steady = '--sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u+rw,go+r,go-w'.split(' ')
  const withNode = node === null ? [] : ['-C', dirname(node), basename(node)]
  const argv = [...steady, ...unneeded.map((one) => `--exclude=${one}`), '-C', root, '-c', ...paths, ...withNode]
  const tar = spawn('tar', argv, { stdio: ['ignore', 'pipe', 'inherit'] })
  const hash = createHash('sha256')
  tar.stdout.on('data', (chunk: Buffer) => hash.update(chunk))
  const [archive, [code]] = await Promise.all([
    buffer(tar.stdout.pipe(createGzip({ level: 1 }))),
    once(tar, 'close') as Promise<[number | null]>,
  ])
  if (code !== 0) throw new CausewayError('CommandFailed', `tar of ${root} ended with ${code}`)
  return { digest: hash.digest('hex'), archive }
}

/** The installed packages that are not only for developing, by npm's own record; all of them where there is no record. */
async function modules(root: string): Promise<readonly string[]> {
  const record = join(root, 'node_modules/.package-lock.json')
  if (!existsSync(record)) return ['node_modules']
  const { packages } = JSON.parse(await readFile(record, 'utf8')) as {
    packages: Record<string, { dev?: boolean; devOptional?: boolean }>
  }
  const wanted = Object.entries(packages).filter(([path, { dev, devOptional }]) => {
    return !dev && !devOptional && /^node_modules\/[^/]+(\/[^/]+)?$/.test(path) && existsSync(join(root, path))
  })
  return wanted.map(([path]) => path)
}
