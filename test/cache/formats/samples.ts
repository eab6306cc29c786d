import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Format, Package, Suite } from '../../../src/cache/formats/format.ts'
import { formatOf, suiteOf } from '../../../src/cache/formats/formats.ts'
import { unpacked } from '../../../src/cache/formats/unpack.ts'

const run = promisify(execFile)

/** Runs a tool in a folder; its output is given back as bytes. */
export async function tool(folder: string, argv: readonly [string, ...string[]]): Promise<Buffer> {
  const [program, ...args] = argv
  const env = { PATH: process.env['PATH'], LC_ALL: 'C', HOME: folder, TZ: 'UTC' }
  const { stdout } = await run(program, args, { cwd: folder, encoding: 'buffer', maxBuffer: 64 * 1024 * 1024, env })
  return stdout
}

export function digest(algorithm: string, body: Buffer | string): string {
  return createHash(algorithm).update(body).digest('hex')
}

/** A body in pieces of some length, as it comes from a disk or a network. */
export async function* inPieces(body: Buffer | string, length = 1000): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(body)
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length)
}

/** The suite that a file belongs to; there must be one. */
export function suiteAt(file: string): { suite: Suite; format: Format } {
  const suite = suiteOf(file)
  if (!suite) throw new Error(`${file} belongs to no suite`)
  return { suite, format: formatOf(suite) }
}

/** The packages of an index, packed or not. */
export async function packagesIn(file: string, body: Buffer | string, length?: number): Promise<Package[]> {
  const { suite, format } = suiteAt(file)
  return collect(format.readPackages(suite, file, unpacked(inPieces(body, length))))
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

/** Builds a package of Debian from the fields of its control file. */
export async function makeDeb(folder: string, fields: Record<string, string>, into = 'pool'): Promise<string> {
  const { Package: name = '', Version: version = '', Architecture: architecture = 'all' } = fields
  const tree = join(folder, 'trees', `${name}-${version.replace(':', '')}`)
  await mkdir(join(tree, 'DEBIAN'), { recursive: true })
  await mkdir(join(folder, into), { recursive: true })
  const all = { Architecture: architecture, Maintainer: 'Test <test@test.invalid>', Description: 'test', ...fields }
  const control = Object.entries(all).map(([field, value]) => `${field}: ${value}\n`)
  await writeFile(join(tree, 'DEBIAN/control'), control.join(''))
  const file = join(into, `${name}_${version.replace(/^\d+:/, '')}_${architecture}.deb`)
  await tool(folder, ['dpkg-deb', '-Znone', '--root-owner-group', '--build', tree, file])
  return file
}
