import { walkXml, wholeOf } from './xml.ts'

/** What only `qstat -j` says of a job. */
export interface Details {
  readonly number: number
  readonly submittedAtMs: number
  /** `qsub -P`, '' if none. */
  readonly project: string
  /** `qsub -A`; Grid Engine's own default is `sge`. */
  readonly account: string
  /** Not before; null if it may begin at once. */
  readonly beginAtMs: number | null
  /** What users and administrators noted with the job (`qalter -ac`). */
  readonly context: ReadonlyMap<string, string>
  /** How many elements of the array may run at once; null for any. */
  readonly concurrency: number | null
  /** An advance reservation whose hosts alone it may use. */
  readonly inReservation: boolean
  /** Its user does not want it to run twice (`qsub -r n`). */
  readonly runsOnce: boolean
  /** Why it is in the state of error, '' if it is not. */
  readonly error: string
}

type Draft = { -readonly [key in keyof Details]: Details[key] } & { context: Map<string, string> }

/**
 * Reads `qstat -xml -j LIST`. Jobs that are gone are left out by Grid Engine; when none is left it answers `unknown_jobs`.
 * @throws CausewayError `MalformedOutput`
 */
export function parseDetails(text: string): Map<number, Details> {
  const found = new Map<number, Details>()
  const path: string[] = []
  let draft: Draft | null = null
  let variable = ''
  walkXml(text, ['detailed_job_info', 'unknown_jobs'], {
    open(name) {
      path.push(name)
      if (path.length === 3 && name === 'element' && path[1] === 'djob_info') draft = newDraft()
    },
    leaf(name, value) {
      if (!draft) return
      if (path.length === 3) readField(draft, name, value)
      else if (path.at(-1) === 'context_list') {
        if (name === 'VA_variable') variable = value
        else if (name === 'VA_value') draft.context.set(variable.trim(), value)
      } else if (name === 'QIM_message' && draft.error === '') draft.error = value
    },
    close() {
      if (path.length === 3 && draft) {
        if (draft.number > 0) found.set(draft.number, draft)
        draft = null
      }
      path.pop()
    },
  })
  return found
}

function newDraft(): Draft {
  return {
    number: 0,
    submittedAtMs: 0,
    project: '',
    account: '',
    beginAtMs: null,
    context: new Map(),
    concurrency: null,
    inReservation: false,
    runsOnce: false,
    error: '',
  }
}

function readField(draft: Draft, name: string, value: string): void {
  switch (name) {
    case 'JB_job_number':
      draft.number = wholeOf(name, value)
      return
    case 'JB_submission_time':
      draft.submittedAtMs = wholeOf(name, value) * 1000
      return
    case 'JB_project':
      draft.project = value
      return
    case 'JB_account':
      draft.account = value
      return
    case 'JB_execution_time':
      draft.beginAtMs = wholeOf(name, value) * 1000 || null
      return
    case 'JB_ja_task_concurrency':
      draft.concurrency = wholeOf(name, value) || null
      return
    case 'JB_restart':
      draft.runsOnce = value === '2'
      return
    case 'JB_ar':
      draft.inReservation = wholeOf(name, value) > 0
      return
  }
}
