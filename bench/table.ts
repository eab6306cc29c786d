import type { BenchTable } from './report.ts'

/** A table for a terminal: columns of numbers to the right, of words to the left. */
export function text(table: BenchTable): string {
  const widths = widthsOf(table)
  const line = (cells: readonly string[]) =>
    `${cells
      .map((cell, column) =>
        isNumeric(table, column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd()}\n`
  return `${title(table, '')}${line(table.columns)}${table.rows.map(line).join('')}`
}

/** The same in Markdown. */
export function markdown(table: BenchTable): string {
  const widths = widthsOf(table).map((width) => Math.max(width, 3))
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |\n`
  const rule = widths.map((width, column) =>
    isNumeric(table, column) ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width),
  )
  return `${title(table, '### ')}${line(table.columns)}${line(rule)}${table.rows.map(line).join('')}`
}

function title(table: BenchTable, mark: string): string {
  return table.title === '' ? '' : `${mark}${table.title}\n\n`
}

function widthsOf({ columns, rows }: BenchTable): number[] {
  return columns.map((name, column) => Math.max(name.length, ...rows.map((cells) => (cells[column] ?? '').length)))
}

/** Whether a column holds nothing but numbers, ranges of them, and dashes. */
function isNumeric({ rows }: BenchTable, column: number): boolean {
  return rows.every((cells) => /^[\d.e+-]*$/.test(cells[column] ?? ''))
}
