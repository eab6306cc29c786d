import { readdir } from 'node:fs/promises'
import { cpus, totalmem } from 'node:os'
import type { BenchReport, BenchRow } from './report.ts'

/** `npm run bench NAME [-- --json]`: runs bench/NAME/bench.ts and prints a table, or one JSON object. */
async function main(argv: readonly string[]): Promise<number> {
  const json = argv.includes('--json')
  const [name, ...more] = argv.filter((argument) => argument !== '--json')
  const known = await names()
  if (name === undefined || more.length > 0 || !known.includes(name)) {
    process.stderr.write(`usage: npm run bench NAME [-- --json]\nbenchmarks: ${known.join(', ')}\n`)
    return 2
  }
  const { run } = (await import(`./${name}/bench.ts`)) as { run: () => Promise<BenchReport> }
  const report = await run()
  const machine = `${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`
  const whole = { name: report.name, machine, rows: report.rows }
  process.stdout.write(json ? `${JSON.stringify(whole)}\n` : `${report.name} on ${machine}\n\n${table(report.rows)}`)
  return 0
}

async function names(): Promise<string[]> {
  const entries = await readdir(import.meta.dirname, { withFileTypes: true })
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
}

function table(rows: readonly BenchRow[]): string {
  const lines = [
    ['case', 'unit', 'ours', 'peer', 'theirs', 'ratio', 'goal'],
    ...rows.map((row) =>
      [row.case, row.unit, row.ours, row.peer, row.theirs, row.ratio, row.goal].map((cell) => String(cell ?? '-')),
    ),
  ]
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)))
  const number = (column: number) => [2, 4, 5, 6].includes(column)
  return lines
    .map((line) =>
      line.map((cell, column) =>
        number(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      ),
    )
    .map((line) => `${line.join('  ').trimEnd()}\n`)
    .join('')
}

process.exitCode = await main(process.argv.slice(2))
