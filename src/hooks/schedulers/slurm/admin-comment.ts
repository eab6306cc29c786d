import { reasonPrefix } from '../../../elastic/plan/reason-prefix.ts'

/** What makes a hold ours, in the job's admin comment: only Slurm's administrators can write that. The reason follows. */
const holdMark = `${reasonPrefix}hold:`

/** Begins our word on why the job is where it is. */
const whyMark = `${reasonPrefix}why:`

const marks = new RegExp(`(${holdMark}|${whyMark})`)

/**
 * The parts of a job's admin comment: what somebody else has written, then ours, each up to the next mark or the end:
 * `ticket 7 causeway:hold: alice is at her cap causeway:why: CapReached: ...`.
 */
export interface AdminComment {
  readonly others: string
  /** Why we hold the job, null if there is no such mark. */
  readonly hold: string | null
  /** Why it is where it is, null if we have not said. */
  readonly why: string | null
}

export function parseAdminComment(text: string): AdminComment {
  const [others = '', ...parts] = text.split(marks)
  const ours = new Map<string, string>()
  for (let at = 0; at < parts.length; at += 2) ours.set(parts[at] ?? '', (parts[at + 1] ?? '').trim())
  return { others: others.trim(), hold: ours.get(holdMark) ?? null, why: ours.get(whyMark) ?? null }
}

/** The comment with these parts. What is in ours is made one line of at most 200 printable characters, without marks and quotes. */
export function formatAdminComment({ others, hold, why }: AdminComment): string {
  const parts = [
    others,
    ...(hold === null ? [] : [`${holdMark} ${oneLine(hold)}`]),
    ...(why === null ? [] : [`${whyMark} ${oneLine(why)}`]),
  ]
  return parts.filter((part) => part !== '').join(' ')
}

/** Without double quotes, which scontrol takes away. */
function oneLine(text: string): string {
  let line = text.replaceAll('"', "'")
  while (marks.test(line)) line = line.replace(marks, '')
  line = line.replaceAll(/[\p{C}\s]+/gu, ' ')
  return Array.from(line.trim()).slice(0, 200).join('').trim()
}
