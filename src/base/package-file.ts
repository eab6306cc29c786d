import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/**
 * Reads a text file of this package by its path from the package's root, whether it runs from src or from dist.
 * @throws whatever `readFile` throws: a missing file means a broken installation.
 */
export async function readPackageFile(path: string): Promise<string> {
  return await readFile(packageFile(path), 'utf8')
}

/** Where a file of this package is, by its path from the package's root. */
export function packageFile(path: string): string {
  let folder = import.meta.dirname
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder)
  return join(folder, path)
}
