import { Command, Option } from 'commander'
import { loadPolicyFile } from '../config/policy-file.ts'
import { PolicyClock } from '../elastic/policy-clock.ts'
import { policyRules } from '../elastic/policy-rules.ts'
import { type ReplayReport, replay } from '../elastic/replay.ts'
import type { OnBad } from '../elastic/simulate/traces/bad-lines.ts'
import { table } from './table.ts'

/** `causeway replay RECORDING`: what another policy would have decided where the controller decided. */
export function replayCommand(): Command {
  return new Command('replay')
    .description('run recorded rounds of the controller against another policy and say what it would have decided')
    .argument('<recording>', 'a file that the controller has recorded, rounds-*.jsonl.gz')
    .requiredOption('--policy <file>', 'a policy file, or a configuration of the controller')
    .addOption(new Option('--on-bad <what>', 'what to do with broken lines').choices(['skip', 'fail']).default('skip'))
    .option('--json', 'print the report as JSON')
    .action(async (recording: string, options: { policy: string; onBad: OnBad; json?: boolean }) => {
      const policy = new PolicyClock(policyRules(await loadPolicyFile(options.policy)))
      const report = await replay(recording, policy, options.onBad)
      process.stdout.write(`${options.json ? JSON.stringify(report, null, 2) : showReplay(report)}\n`)
    })
}

/** The report as text. */
export function showReplay({ rounds, differing, decisions, differences, bad }: ReplayReport): string {
  const lines = [`${rounds} rounds, ${differing} of them decided differently`]
  if (bad.length > 0) {
    lines.push(`${bad.length} broken ${bad.length === 1 ? 'line' : 'lines'} left out:`)
    for (const { line, why } of bad.slice(0, 5)) lines.push(`  line ${line} ${why}`)
  }
  if (decisions.length > 0) {
    const rows = decisions.map(({ decision, recorded, replayed }) => [decision, String(recorded), String(replayed)])
    lines.push('', table(['DECISION', 'RECORDED', 'REPLAYED'], rows))
  }
  for (const { atMs, onlyRecorded, onlyReplayed } of differences) {
    lines.push('', new Date(atMs).toISOString())
    for (const text of onlyRecorded) lines.push(`  - ${text}`)
    for (const text of onlyReplayed) lines.push(`  + ${text}`)
  }
  if (differing > differences.length) lines.push('', `and ${differing - differences.length} rounds more`)
  return lines.join('\n')
}
