import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'

/** Where the repository lies at the origin. */
export const repository = '/debian'

/** A file of so many bytes, whose name says that it never changes, in no repository; what is in it follows from its name. */
export function packagePath(name: string, bytes: number, root = '/files'): string {
  return `${root}/pool/main/${bytes}/${name}_1.0_amd64.deb`
}

/** Bytes of what `packagePath` named, undefined for any other path. */
export function lengthOf(path: string): number | undefined {
  const [, bytes] = /^\/(?:files|debian)\/pool\/main\/(\d{1,10})\/[a-z0-9.-]+_1\.0_amd64\.deb$/.exec(path) ?? []
  return bytes === undefined ? undefined : Number(bytes)
}

/** The finalizer of MurmurHash3 for 32 bits: each bit of its argument changes half of the bits that come out. */
function mixed(word: number): number {
  let x = word ^ (word >>> 16)
  x = Math.imul(x, 0x85ebca6b)
  x ^= x >>> 13
  x = Math.imul(x, 0xc2b2ae35)
  return x ^ (x >>> 16)
}

/** FNV-1a of a file's name. */
function seedOf(path: string): number {
  let hash = 2_166_136_261
  for (const byte of Buffer.from(path.slice(path.lastIndexOf('/') + 1))) hash = Math.imul(hash ^ byte, 16_777_619)
  return hash
}

/** The first `bytes` of a file: words of 32 bits in this machine's order that nothing can compress. load.c reckons the same. */
export function contentOf(path: string, bytes: number): Buffer {
  const words = new Uint32Array(Math.ceil(bytes / 4))
  const seed = seedOf(path)
  for (let at = 0; at < words.length; at += 1) words[at] = mixed(seed + at)
  return Buffer.from(words.buffer, 0, bytes)
}

/** One package of the repository that the nodes install. */
export interface RepositoryPackage {
  readonly name: string
  readonly path: string
  readonly bytes: number
}

/** `count` packages of `total` bytes together: most are small, a few make up half of it, as in Debian. */
export function packagesOf(count: number, total: number): readonly RepositoryPackage[] {
  // Sizes as 1/rank, dealt out so that large and small ones take turns; the last takes the rest.
  const shares = Array.from({ length: count }, (_, rank) => 1 / (1 + ((rank * 47) % count)))
  const sum = shares.reduce((all, share) => all + share, 0)
  let left = total
  return shares.map((share, at) => {
    const bytes = at === count - 1 ? left : Math.floor((total * share) / sum)
    left -= bytes
    const name = `cw${String(at).padStart(3, '0')}`
    return { name, path: packagePath(name, bytes, repository), bytes }
  })
}

/** The indexes of a suite `stable` with those packages, by path; each package depends on the one before it. */
export function indexesOf(packages: readonly RepositoryPackage[]): ReadonlyMap<string, Buffer> {
  const entries = packages.map(({ name, path, bytes }, at) => {
    const before = packages[at - 1]
    return [
      `Package: ${name}`,
      'Version: 1.0',
      'Architecture: amd64',
      'Maintainer: Nobody <nobody@mirror.lab>',
      ...(before ? [`Depends: ${before.name}`] : []),
      `Filename: ${path.slice(repository.length + 1)}`,
      `Size: ${bytes}`,
      `SHA256: ${digest(contentOf(path, bytes))}`,
      'Description: bytes for a benchmark',
      '',
      '',
    ].join('\n')
  })
  const plain = Buffer.from(entries.join(''))
  const folder = 'main/binary-amd64'
  const files: [string, Buffer][] = [
    [`${folder}/Packages`, plain],
    [`${folder}/Packages.gz`, gzipSync(plain)],
  ]
  const release = Buffer.from(
    [
      'Origin: bench',
      'Suite: stable',
      'Codename: stable',
      'Date: Mon, 01 Jun 2026 00:00:00 UTC',
      'Acquire-By-Hash: yes',
      'Architectures: amd64',
      'Components: main',
      'SHA256:',
      ...files.map(([name, body]) => ` ${digest(body)} ${body.length} ${name}`),
      '',
    ].join('\n'),
  )
  const dists = `${repository}/dists/stable`
  return new Map([
    [`${dists}/InRelease`, release],
    [`${dists}/Release`, release],
    ...files.flatMap(([name, body]): [string, Buffer][] => [
      [`${dists}/${name}`, body],
      [`${dists}/${folder}/by-hash/SHA256/${digest(body)}`, body],
    ]),
  ])
}

/** What apt asks for before it knows of any package. */
export const indexPaths: readonly string[] = ['InRelease', 'main/binary-amd64/Packages.gz'].map(
  (name) => `${repository}/dists/stable/${name}`,
)

export function digest(body: Buffer): string {
  return createHash('sha256').update(body).digest('hex')
}
