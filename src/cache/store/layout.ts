import { mkdirSync } from 'node:fs'
import { readdir, rmdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { isMissing } from './files.ts'

/** The first two digits of all SHA-256. */
export const prefixes: readonly string[] = Array.from({ length: 256 }, (_, index) =>
  index.toString(16).padStart(2, '0'),
)

export function isBodyName(name: string): boolean {
  return /^[0-9a-f]{64}$/.test(name)
}

/** Whether a file in `partial/` is one of the store's. */
export function isPartialName(name: string): boolean {
  return /^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(\.sums)?|small-[0-9]+)$/.test(name)
}

/** Where the store's files are: `bodies/ab/abcd...` by SHA-256, and `partial/ID` with `partial/ID.sums` beside it. */
export class Layout {
  readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  body(sha256: string): string {
    return join(this.folder, 'bodies', sha256.slice(0, 2), sha256)
  }

  bodies(prefix: string): string {
    return join(this.folder, 'bodies', prefix)
  }

  partial(id: string): string {
    return join(this.folder, 'partial', id)
  }

  get partials(): string {
    return join(this.folder, 'partial')
  }

  /** Makes the folders that are missing, and removes what the store of an earlier version left. */
  async prepare(): Promise<void> {
    for (const folder of [this.partials, ...prefixes.map((prefix) => this.bodies(prefix))]) {
      mkdirSync(folder, { recursive: true, mode: 0o755 })
    }
    await removeOld(join(this.folder, 'kept'), /^[0-9a-f]{64}$/)
    await removeOld(join(this.folder, 'incoming'), /^[0-9a-f-]{36}$/)
  }
}

/** Removes files of an earlier version, and their folder when nothing else is in it. */
async function removeOld(folder: string, name: RegExp): Promise<void> {
  const files = await namesIn(folder)
  if (!files) return
  for (const file of files) if (name.test(file)) await unlinkIfThere(join(folder, file))
  if (files.every((file) => name.test(file))) await rmdir(folder)
}

/** What is in a folder; undefined when there is no such folder. */
export async function namesIn(folder: string): Promise<string[] | undefined> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

export async function unlinkIfThere(path: string): Promise<void> {
  try {
    await unlink(path)
  } catch (error) {
    if (!isMissing(error)) throw error
  }
}
