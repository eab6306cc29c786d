import { alpine } from './alpine.ts'
import { arch } from './arch.ts'
import { conda } from './conda.ts'
import { debian } from './debian.ts'
import type { Format, Suite } from './format.ts'
import { image } from './image.ts'
import { npm } from './npm.ts'
import { plainPath } from './paths.ts'
import { pypi } from './pypi.ts'
import { rpm } from './rpm.ts'

/** All that are known, in the order in which they are asked about a file; the one whose names say least is last. */
export const formats: readonly Format[] = [debian, rpm, alpine, arch, conda, pypi, npm, image]

const byName = new Map<string, Format>(formats.map((format) => [format.name, format]))

/** The format of a suite. */
export function formatOf({ format }: Suite): Format {
  const found = byName.get(format)
  if (!found) throw new Error(`there is no format ${format}`)
  return found
}

/** The suite that a requested file is an index of, whichever format it is; undefined for all that are none. */
export function suiteOf(path: string): Suite | undefined {
  const file = plainPath(path)
  if (file === undefined) return undefined
  for (const format of formats) {
    const suite = format.suiteOf(file)
    if (suite) return suite
  }
  return undefined
}
