import { Command } from 'commander'
import { systemClock } from '../base/clock.ts'
import { CausewayError } from '../base/errors.ts'
import { loadPolicyFile } from '../config/policy-file.ts'
import { TimeZone } from '../config/time-zone.ts'
import type { ReloadReport } from '../elastic/live-config.ts'
import { PolicyClock } from '../elastic/policy-clock.ts'
import { policyDiff } from '../elastic/policy-diff.ts'
import { policyRules } from '../elastic/policy-rules.ts'
import { showChanges, showPolicy, showSummary } from './policy-text.ts'
import { queryCommand } from './query.ts'

/** `causeway policy`: looks at policy files, or at the policy part of the controller's, and lets the controller read its own again. */
export function policyCommand(): Command {
  return new Command('policy')
    .description('check, show and compare policies, in files of their own or in a configuration of the controller')
    .addCommand(checkCommand())
    .addCommand(showCommand())
    .addCommand(diffCommand())
    .addCommand(reloadCommand())
}

/** `causeway policy check FILE`: all that is wrong with it (exit 2), or what it comes to. */
function checkCommand(): Command {
  return new Command('check')
    .description('check a policy and say in short what it comes to now; exits with 2 and all problems if it is wrong')
    .argument('<file>')
    .action(async (file: string) => {
      const rules = policyRules(await loadPolicyFile(file))
      const summary = showSummary(rules, new PolicyClock(rules), systemClock.now())
      process.stdout.write(`${file}: ok\n\n${summary}\n`)
    })
}

/** `causeway policy show FILE`: the rules in force at some time. */
function showCommand(): Command {
  return new Command('show')
    .description('print the rules in force')
    .argument('<file>')
    .option('--at <time>', "a time such as 2026-03-29T20:00, in the policy's time zone unless it says otherwise; now")
    .option('--json', 'print them as JSON')
    .action(async (file: string, options: { at?: string; json?: boolean }) => {
      const rules = policyRules(await loadPolicyFile(file))
      const atMs = options.at === undefined ? systemClock.now() : parseTime(options.at, new TimeZone(rules.timezone))
      const clock = new PolicyClock(rules)
      const answer = { atMs, windows: clock.windowsInForce(atMs), policy: clock.at(atMs) }
      process.stdout.write(`${options.json ? JSON.stringify(answer, null, 2) : showPolicy(rules, clock, atMs)}\n`)
    })
}

/** `causeway policy reload`: the running controller reads its file again; a wrong one changes nothing. */
function reloadCommand(): Command {
  return queryCommand<ReloadReport>(
    { name: 'reload', description: 'let the running controller read its policy again', method: 'POST' },
    () => '/v1/policy/reload',
    ({ changes, todo }) => [showChanges(changes), ...todo.map((text) => `to do: ${text}`)].join('\n'),
  )
}

/** `causeway policy diff A B`: what changes; exits with 0 when nothing does, with 1 otherwise. */
function diffCommand(): Command {
  return new Command('diff')
    .description('say what changes from one policy to another; exits with 1 if anything does')
    .argument('<from>')
    .argument('<to>')
    .option('--json', 'print the changes as JSON')
    .action(async (from: string, to: string, options: { json?: boolean }) => {
      const changes = policyDiff(await loadPolicyFile(from), await loadPolicyFile(to))
      process.stdout.write(`${options.json ? JSON.stringify(changes, null, 2) : showChanges(changes)}\n`)
      if (changes.length > 0) process.exitCode = 1
    })
}

/**
 * A time in ISO 8601, down to minutes or seconds; without a zone it is the local time of `zone` (the first of two, if clocks show it twice).
 * @throws CausewayError `InvalidRequest`
 */
export function parseTime(text: string, zone: TimeZone): number {
  const [, date, time = 'T00:00', offset] =
    /^(\d{4}-\d\d-\d\d)([T ]\d\d:\d\d(?::\d\d)?)?(Z|[+-]\d\d:\d\d)?$/.exec(text) ?? []
  const wall = Date.parse(`${date}${time.replace(' ', 'T')}${offset ?? 'Z'}`)
  if (date === undefined || Number.isNaN(wall)) {
    throw new CausewayError('InvalidRequest', `--at: expected a time such as 2026-03-29T20:00, got "${text}"`)
  }
  if (offset !== undefined) return wall
  const day = Math.floor(wall / 86_400_000)
  const piece = zone.pieces(day).find((p) => wall - p.offsetMs >= p.startMs && wall - p.offsetMs < p.endMs)
  if (piece) return wall - piece.offsetMs
  throw new CausewayError(
    'InvalidRequest',
    `--at: clocks in ${zone.name} never show ${text}: they are put forward then`,
  )
}
