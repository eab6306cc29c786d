import { parseArgs } from 'node:util'
import { type Brief, runSeeds } from './pool.ts'
import { runSeed } from './run-seed.ts'

const usage = `usage: chaos --seed N              run one seed and print what happened
       chaos --seeds N [--from M]    run N seeds, from M (1) on, and print those that fail
`

/**
 * Runs seeds as the arguments say.
 * @param print takes lines of output
 * @returns the exit status: 0 when no seed failed
 */
export async function chaos(argv: readonly string[], print: (line: string) => void): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: { seed: { type: 'string' }, seeds: { type: 'string' }, from: { type: 'string', default: '1' } },
  })
  const one = number(values.seed)
  const count = number(values.seeds)
  const from = number(values.from)
  if (one !== null) {
    const outcome = await runSeed(one)
    for (const line of outcome.events) print(line)
    print(summary([outcome], outcome.violations.length > 0 ? 1 : 0))
    return outcome.violations.length > 0 ? 1 : 0
  }
  if (count === null || from === null) {
    print(usage)
    return 2
  }
  const briefs = await runSeeds(from, count)
  const failed = briefs.filter(({ violations }) => violations.length > 0)
  for (const { seed, violations } of failed) print(`seed ${seed}: ${violations.join('; ')}`)
  print(summary(briefs, failed.length))
  return failed.length > 0 ? 1 : 0
}

function number(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : null
}

function summary(outcomes: readonly Brief[], failed: number): string {
  const sum = (value: (outcome: Brief) => number) => outcomes.reduce((all, one) => all + value(one), 0)
  const hours = (sum((outcome) => outcome.virtualMs) / 3_600_000).toFixed(1)
  return (
    `${outcomes.length} seeds, ${failed} failed: ${sum((o) => o.lives)} lives under ` +
    `${sum((o) => o.controllers)} controllers in ${hours} virtual hours`
  )
}

if (import.meta.main) {
  process.exitCode = await chaos(process.argv.slice(2), (line) => process.stdout.write(`${line}\n`))
}
