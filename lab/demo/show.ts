import { table } from '../../src/cli/table.ts'
import type { DemoReport } from './run.ts'

/** The report as text. */
export function showReport(report: DemoReport): string {
  const { jobs, wan } = report
  const phases = ['creating', 'booting', 'installing', 'enrolling'] as const
  const nodeRows = report.nodes.map((node) => [
    node.name,
    node.site,
    ...phases.map((phase) => seconds(node.phasesMs[phase])),
    seconds(phases.reduce((sum, phase) => sum + (node.phasesMs[phase] ?? 0), 0)),
  ])
  const jobRows = jobs.list.map((job) => [
    job.id,
    job.kind,
    job.state,
    seconds(job.waitMs ?? undefined),
    [...new Set(job.sites)].join('+'),
    job.nodes.join(','),
    job.exchange ? (job.exchange.intact ? `intact, from ${job.exchange.from}` : 'broken') : '',
  ])
  const times = wan.uniquePackageBytes > 0 ? (wan.packageBytes / wan.uniquePackageBytes).toFixed(2) : '-'
  return [
    '',
    table(['NODE', 'SITE', 'CREATING', 'BOOTING', 'INSTALLING', 'ENROLLING', 'IN ALL'], nodeRows),
    '',
    table(['JOB', 'KIND', 'STATE', 'WAITED', 'SITE', 'NODES', 'EXCHANGE'], jobRows),
    '',
    `from sbatch to Slurm's resume call: ${seconds(report.sbatchToResumeMs ?? undefined)}`,
    `packages over the WAN to west: ${mb(wan.packageBytes)}, ${times} times the ${mb(wan.uniquePackageBytes)} that are needed once; installed there: ${mb(wan.installedBytes)}`,
    `jobs: ${jobs.completed} of ${jobs.submitted} completed`,
    `left over: ${report.leftovers.length === 0 ? 'nothing' : report.leftovers.join('; ')}`,
    ...report.problems.map((problem) => `PROBLEM: ${problem}`),
    `${report.ok ? 'All is as it should be' : 'Not all is as it should be'}, after ${report.seconds.toFixed(0)} s.`,
  ].join('\n')
}

function seconds(ms: number | undefined): string {
  return ms === undefined ? '-' : `${(ms / 1000).toFixed(1)}s`
}

function mb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
