import type { Command } from 'commander'
import type { JobReport } from '../hooks/reports.ts'
import { queryCommand } from './query.ts'
import { ago } from './table.ts'
import { eventTable } from './timeline.ts'

/** `causeway why JOB`: why a job is where it is, and what happened on its way there. */
export function whyCommand(): Command {
  return queryCommand<JobReport>(
    {
      name: 'why',
      argument: '<job>',
      description: 'explain why a job waits, where it runs, and what was tried for it',
    },
    (job) => `/v1/jobs/${job}/why`,
    showWhy,
  )
}

/** The explanation as text. */
export function showWhy(report: JobReport): string {
  const lines: string[] = []
  for (const reason of report.now) lines.push(`job ${reason.job}: ${reason.text} (${reason.code})`)
  const current = new Set(report.now.map((reason) => reason.job))
  for (const job of report.jobs) {
    const waited = job.startedAtMs === null ? '' : `, waited ${ago(job.startedAtMs - job.submittedAtMs)}`
    const on = job.nodes.length > 0 ? ` on ${job.nodes.join(', ')}` : ''
    if (!current.has(job.id)) lines.push(`job ${job.id}: last seen ${job.state}${on}${waited}`)
  }
  if (report.history.length > 0) lines.push('', eventTable(report.history))
  return lines.join('\n')
}
