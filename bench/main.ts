import { readdir } from 'node:fs/promises'
import { cpus, totalmem } from 'node:os'
import { type BenchReport, type BenchRow, type BenchTable, met } from './report.ts'
import { markdown, text } from './table.ts'

/** What `NAME/bench.ts` exports. */
interface Bench {
  run(argv: readonly string[]): Promise<BenchReport>
  /** The options that `run` takes, for people; one without takes none. */
  readonly usage?: string
}

/** `npm run bench NAME [-- --json | --markdown]`: runs bench/NAME/bench.ts and prints tables, or one JSON object. */
async function main(argv: readonly string[]): Promise<number> {
  const form = argv.includes('--json') ? 'json' : argv.includes('--markdown') ? 'markdown' : 'text'
  const [name, ...options] = argv.filter((argument) => argument !== '--json' && argument !== '--markdown')
  const known = await names()
  if (name === undefined || !known.includes(name)) return misused(`NAME\nbenchmarks: ${known.join(', ')}`)
  const bench = (await import(`./${name}/bench.ts`)) as Bench
  if (options.length > 0 && (bench.usage === undefined || options.includes('--help'))) {
    return misused(`${name}${bench.usage === undefined ? '' : `\n${bench.usage}`}`)
  }
  const report = await bench.run(options)
  const machine = `${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`
  const { rows, tables = [] } = report
  if (form === 'json') {
    process.stdout.write(`${JSON.stringify({ name: report.name, machine, rows, tables })}\n`)
    return 0
  }
  const draw = form === 'markdown' ? markdown : text
  process.stdout.write(`${report.name} on ${machine}\n`)
  for (const table of [comparison(rows), ...tables]) process.stdout.write(`\n${draw(table)}`)
  return 0
}

function misused(how: string): number {
  process.stderr.write(`usage: npm run bench ${how}\noptions of all: [-- --json | --markdown]\n`)
  return 2
}

async function names(): Promise<string[]> {
  const entries = await readdir(import.meta.dirname, { withFileTypes: true })
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
}

function comparison(rows: readonly BenchRow[]): BenchTable {
  const told = (row: BenchRow) =>
    ({ true: 'yes', false: 'NO', null: '-' })[String(met(row)) as 'true' | 'false' | 'null']
  return {
    title: '',
    columns: ['case', 'unit', 'ours', 'peer', 'theirs', 'ratio', 'goal', 'met'],
    rows: rows.map((row) => [
      ...[row.case, row.unit, row.ours, row.peer, row.theirs, row.ratio, row.goal].map((cell) => String(cell ?? '-')),
      told(row),
    ]),
  }
}

process.exitCode = await main(process.argv.slice(2))
