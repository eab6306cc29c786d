import { reasonPrefix } from '../../../elastic/plan/reason-prefix.ts'

/** The note for a drain: one line of printable ASCII with our prefix, without quotes, at most 200 characters. */
export function noteText(reason: string): string {
  const line = oneLine(reason)
  return (line.startsWith(reasonPrefix) ? line : `${reasonPrefix} ${line}`).slice(0, 200)
}

/** A job's comment as `qalter -W comment=` takes it: the option's value is a list with commas of names with equals signs. */
export function commentText(reason: string): string {
  return noteText(reason).replaceAll(',', ';').replaceAll('=', ':')
}

function oneLine(text: string): string {
  return text
    .replaceAll(/["'`\\]/g, '')
    .replaceAll(/[^\u0021-\u007e]+/g, ' ')
    .trim()
}
