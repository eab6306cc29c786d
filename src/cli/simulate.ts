import { writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { Command, Option } from 'commander'
import { CausewayError } from '../base/errors.ts'
import { loadPolicyFile } from '../config/policy-file.ts'
import { PolicyClock } from '../elastic/policy-clock.ts'
import { policyRules } from '../elastic/policy-rules.ts'
import { siteModels } from '../elastic/policy-simulation.ts'
import { reportHtml } from '../elastic/simulate/report/html.ts'
import { reportJson } from '../elastic/simulate/report/json.ts'
import { metricsOf } from '../elastic/simulate/report/metrics.ts'
import { noteTexts } from '../elastic/simulate/report/notes.ts'
import { comparisonTable, sitesTable } from '../elastic/simulate/report/table.ts'
import type { SimulationResult } from '../elastic/simulate/result.ts'
import { simulate } from '../elastic/simulate/simulate.ts'
import type { Trace } from '../elastic/simulate/trace.ts'
import type { OnBad } from '../elastic/simulate/traces/bad-lines.ts'
import { openTrace } from './simulate-trace.ts'
import { table } from './table.ts'

/** Broken lines that are named one by one. */
const mostNamed = 5

interface Flags {
  policy: string
  trace: string
  compare: string[]
  json?: string
  html?: string
  seed: number
  places: 'scheduler' | 'causeway'
  cpusPerNode?: number
  onBad: OnBad
  start?: number
}

/** `causeway simulate --policy P --trace T`: what a policy comes to on a trace of jobs, beside others. */
export function simulateCommand(): Command {
  return new Command('simulate')
    .description('run a trace of jobs through policies in virtual time, and compare what they come to')
    .requiredOption('--policy <file>', 'a policy file, or a configuration of the controller')
    .requiredOption(
      '--trace <trace>',
      'a file in the Standard Workload Format (.gz too), a recording of the controller (.jsonl), or drawn: ' +
        'lublin:jobs=10000,nodes=64,load=1,seed=1 or bursts:...',
    )
    .option('--compare <files...>', 'more policies to run on the same trace', [])
    .option('--json <file>', 'write the report as JSON')
    .option('--html <file>', 'write the report as a page with plots')
    .option('--seed <number>', 'of boot times and failures', wholeNumber('--seed', 0), 1)
    .addOption(
      new Option('--places <who>', 'who chooses the nodes of jobs: the scheduler, as Slurm does, or Causeway')
        .choices(['scheduler', 'causeway'])
        .default('scheduler'),
    )
    .option('--cpus-per-node <number>', 'processors of the trace that make one node', wholeNumber('--cpus-per-node', 1))
    .addOption(new Option('--on-bad <what>', 'what to do with broken lines').choices(['skip', 'fail']).default('skip'))
    .option('--start <time>', 'when the trace begins, such as 2026-03-29T20:00Z; as it says itself', parseStart)
    .action(async (flags: Flags) => {
      const { cpusPerNode, onBad, start, seed, places } = flags
      const trace = await openTrace(flags.trace, {
        onBad,
        ...(cpusPerNode === undefined ? {} : { cpusPerNode }),
        ...(start === undefined ? {} : { startedAtMs: start }),
      })
      complain(trace)
      const results: SimulationResult[] = []
      const files = [flags.policy, ...flags.compare]
      for (const file of files) {
        const content = await loadPolicyFile(file)
        const policy = new PolicyClock(policyRules(content))
        results.push(
          simulate({ name: shortName(file, files), policy, trace, sites: siteModels(content), seed, places }),
        )
      }
      if (flags.json !== undefined) await writeFile(flags.json, `${JSON.stringify(reportJson(results, trace))}\n`)
      if (flags.html !== undefined) await writeFile(flags.html, reportHtml(results, trace))
      process.stdout.write(`${showResults(results)}\n`)
    })
}

/** What simulations came to, as text. */
function showResults(results: readonly SimulationResult[]): string {
  const metrics = results.map(metricsOf)
  const [compared, sites] = [comparisonTable(metrics), sitesTable(metrics)]
  return `${table(compared.head, compared.rows)}\n\n${table(sites.head, sites.rows)}`
}

/** Says on stderr what of the trace was left out. */
function complain(trace: Trace): void {
  for (const text of noteTexts(trace)) process.stderr.write(`causeway: ${trace.name}: ${text}\n`)
  for (const { line, why } of trace.bad.slice(0, mostNamed)) {
    process.stderr.write(`causeway: ${trace.name}:${line}: ${why}\n`)
  }
  const more = trace.bad.length - mostNamed
  if (more > 0) process.stderr.write(`causeway: ${trace.name}: and ${more} more\n`)
}

/** The name of a file without its folder, if that tells it from the others. */
function shortName(file: string, files: readonly string[]): string {
  const alike = files.filter((other) => basename(other) === basename(file))
  return alike.length > 1 ? file : basename(file)
}

function wholeNumber(flag: string, least: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value
    throw new CausewayError('InvalidRequest', `${flag}: expected a whole number, at least ${least}, got "${text}"`)
  }
}

function parseStart(text: string): number {
  const atMs = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?)?(Z|[+-]\d\d:\d\d)?$/.test(text)
    ? Date.parse(/(Z|T.*[+-]\d\d:\d\d)$/.test(text) || text.length === 10 ? text : `${text}Z`)
    : NaN
  if (!Number.isNaN(atMs)) return atMs
  throw new CausewayError('InvalidRequest', `--start: expected a time such as 2026-03-29T20:00Z, got "${text}"`)
}
