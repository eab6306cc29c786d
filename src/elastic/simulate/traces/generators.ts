import type { Trace } from '../trace.ts'
import { generateDiurnalBursts } from './diurnal-bursts.ts'
import type { GeneratorOptions } from './generator.ts'
import { generateLublinFeitelson } from './lublin-feitelson.ts'

/** The generators by the names that the command line knows them under. */
export const generators: ReadonlyMap<string, (options: GeneratorOptions) => Trace> = new Map([
  ['lublin-feitelson', generateLublinFeitelson],
  ['diurnal-bursts', generateDiurnalBursts],
])
