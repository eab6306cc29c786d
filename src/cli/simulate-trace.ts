import { CausewayError } from '../base/errors.ts'
import type { Trace } from '../elastic/simulate/trace.ts'
import type { GeneratorOptions } from '../elastic/simulate/traces/generator.ts'
import { generators } from '../elastic/simulate/traces/generators.ts'
import { readTrace } from '../elastic/simulate/traces/read-trace.ts'
import type { SwfOptions } from '../elastic/simulate/traces/swf.ts'

/** Short names of the generators, as the command line knows them too. */
const aliases: Readonly<Record<string, string>> = { lublin: 'lublin-feitelson', bursts: 'diurnal-bursts' }

/** When drawn traces begin unless something else is said: a Monday. */
const usualStartMs = Date.UTC(2026, 0, 5)

/** What may be said of a drawn trace, and what it means. */
const settings: Readonly<Record<string, keyof GeneratorOptions>> = {
  jobs: 'jobs',
  seed: 'seed',
  nodes: 'maxNodes',
  load: 'load',
}

/**
 * Opens a trace: a file, or one that is drawn, `lublin:jobs=10000,nodes=64,load=1,seed=1`; what is left out has the values given here.
 * @param options for files; `startedAtMs` is when the trace begins, whatever it says itself
 * @throws CausewayError `InvalidRequest` for settings that have no meaning, and as `readTrace` and the generators do
 */
export async function openTrace(text: string, options: SwfOptions = {}): Promise<Trace> {
  const [, name = '', rest = ''] = /^([a-z-]+)(?::(.*))?$/.exec(text) ?? []
  const generate = generators.get(aliases[name] ?? name)
  const { startedAtMs } = options
  if (generate) return generate({ ...parseSettings(text, rest), startedAtMs: startedAtMs ?? usualStartMs })
  const trace = await readTrace(text, options)
  return startedAtMs === undefined ? trace : { ...trace, startedAtMs }
}

function parseSettings(text: string, rest: string): Omit<GeneratorOptions, 'startedAtMs'> {
  const found = { jobs: 10_000, seed: 1, maxNodes: 64, load: 1 }
  for (const setting of rest === '' ? [] : rest.split(',')) {
    const [, key = '', value = ''] = /^([a-z]+)=(\d+(?:\.\d+)?)$/.exec(setting) ?? []
    const option = settings[key]
    if (option === undefined) {
      const known = Object.keys(settings).join(', ')
      throw new CausewayError(
        'InvalidRequest',
        `--trace ${text}: "${setting}" is no setting; known are ${known}, each with "=" and a number`,
      )
    }
    Object.assign(found, { [option]: Number(value) })
  }
  return found
}
