import type { SimulationResult } from '../result.ts'
import { escaped } from './escape.ts'
import { metricsOf } from './metrics.ts'
import { noteTexts, type TraceNotes } from './notes.ts'
import { numberText } from './numbers.ts'
import { nodeCharts, queueAndCostCharts } from './plots.ts'
import { nodeStates } from './series.ts'
import { css, policyStyles } from './style.ts'
import { comparisonTable, sitesTable, type TextTable } from './table.ts'

/**
 * A page that compares what several policies came to on one trace: tables, and plots of the queue, the cost and the nodes. It is
 * one file that needs no script and nothing from elsewhere, follows the reader's light or dark setting, and is well-formed XML.
 */
export function reportHtml(results: readonly SimulationResult[], notes: TraceNotes = { bad: [], leftOut: [] }): string {
  const metrics = results.map(metricsOf)
  const traces = [...new Set(results.map((result) => result.trace))].join(', ')
  const title = `Simulation: ${traces}`
  return [
    '<!DOCTYPE html>',
    '<html lang="en" xmlns="http://www.w3.org/1999/xhtml">',
    `<head><meta charset="utf-8"/><meta name="viewport" content="width=device-width, initial-scale=1"/>`,
    `<meta name="color-scheme" content="light dark"/><title>${escaped(title)}</title><style>${css}</style></head>`,
    '<body>',
    `<h1>${escaped(title)}</h1>`,
    `<p class="faint">${escaped(summary(results, notes))}</p>`,
    '<h2>Policies compared</h2>',
    htmlTable(comparisonTable(metrics), 1),
    '<p class="faint">Jobs that never started count with the time they waited until the simulation was over. Slowdown is bounded: time from submission to end over run time, runs below 10 s counting as 10 s.</p>',
    '<h2>Queue and cost</h2>',
    policyLegend(results),
    ...queueAndCostCharts(results),
    '<h2>Nodes by site</h2>',
    nodeLegend(),
    ...nodeCharts(results),
    '<h2>Sites</h2>',
    htmlTable(sitesTable(metrics), 2),
    '</body>',
    '</html>',
    '',
  ].join('\n')
}

function summary(results: readonly SimulationResult[], notes: TraceNotes): string {
  const jobs = Math.max(0, ...results.map((result) => result.jobs.length))
  const parts = [`${numberText(jobs)} jobs`, `${results.length} ${results.length === 1 ? 'policy' : 'policies'}`]
  return [...parts, ...noteTexts(notes)].join(' · ')
}

/** A table whose first `names` columns are names. */
function htmlTable({ head, rows }: TextTable, names: number): string {
  const titles = head.map((title) => (title === '' ? '<td></td>' : `<th scope="col">${escaped(title)}</th>`))
  const body = rows.map((cells) => {
    const tds = cells.map((cell, i) => {
      if (i === 0) return `<th scope="row">${escaped(cell)}</th>`
      return i < names ? `<td class="name">${escaped(cell)}</td>` : `<td>${escaped(cell)}</td>`
    })
    return `<tr>${tds.join('')}</tr>`
  })
  return `<div class="scroll"><table><thead><tr>${titles.join('')}</tr></thead><tbody>\n${body.join('\n')}\n</tbody></table></div>`
}

function policyLegend(results: readonly SimulationResult[]): string {
  const items = results.map(
    ({ policy }, i) =>
      `<li><svg viewBox="0 0 28 10" aria-hidden="true"><path class="line p${i % policyStyles}" d="M0 5H28"/></svg>${escaped(policy)}</li>`,
  )
  return `<ul class="legend">${items.join('')}</ul>`
}

function nodeLegend(): string {
  const items = nodeStates.map(
    (state) =>
      `<li><svg viewBox="0 0 28 10" aria-hidden="true"><rect class="${state}" width="28" height="10"/></svg>${state}</li>`,
  )
  return `<ul class="legend">${items.join('')}</ul>`
}
