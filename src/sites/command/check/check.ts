import { toCausewayError } from '../../../base/errors.ts'
import { type DriverPromise, driverPromises } from './promises.ts'
import { Trial, type TrialOptions } from './trial.ts'

/** How a promise was found. */
export interface Finding {
  readonly name: string
  readonly promise: string
  /** `untried`: it needs a machine, and none could be made. */
  readonly result: 'kept' | 'broken' | 'untried'
  /** Why it is broken, and what to do; empty when it is kept. */
  readonly why: string
  readonly remedy: string
}

/**
 * Tries all promises of a driver program, one by one, and removes the machines that it made, whatever happens.
 * @param tell hears of each finding as soon as there is one
 * @param keep leaves the machines where they are, for a look at them
 * @param signal when it aborts, nothing more is tried
 * @returns all findings; the last says whether everything could be removed
 */
export async function checkDriver(
  options: TrialOptions,
  { tell, keep, signal }: { tell: (finding: Finding) => void; keep: boolean; signal: AbortSignal },
): Promise<readonly Finding[]> {
  const trial = new Trial(options)
  const findings: Finding[] = []
  const add = (finding: Finding) => {
    findings.push(finding)
    tell(finding)
  }
  try {
    for (const promise of driverPromises) {
      if (signal.aborted) break
      add(await find(promise, trial, findings))
    }
  } finally {
    if (!keep) add(await cleanUp(trial))
  }
  return findings
}

async function find(promise: DriverPromise, trial: Trial, before: readonly Finding[]): Promise<Finding> {
  const { name, text, remedy, needsMachine } = promise
  const about = { name, promise: text }
  const made = before.find((finding) => finding.name === 'create')
  if (needsMachine && made?.result === 'broken') {
    return { ...about, result: 'untried', why: 'there is no machine to try it on', remedy: 'mend `create` first' }
  }
  const why = await reason(() => promise.broken(trial))
  return why === null ? { ...about, result: 'kept', why: '', remedy: '' } : { ...about, result: 'broken', why, remedy }
}

async function cleanUp({ driver, made }: Trial): Promise<Finding> {
  const left: string[] = []
  for (const id of made) {
    const why = await reason(async () => {
      await driver.delete(id)
      return null
    })
    if (why !== null) left.push(`${id}: ${why}`)
  }
  const about = { name: 'clean-up', promise: 'all machines of this check are deleted' }
  if (left.length === 0) return { ...about, result: 'kept', why: '', remedy: '' }
  return { ...about, result: 'broken', why: left.join('; '), remedy: 'delete them by hand' }
}

/** Why something is not as it should be: what was found, or what was thrown. */
async function reason(act: () => Promise<string | null>): Promise<string | null> {
  try {
    return await act()
  } catch (thrown) {
    return toCausewayError(thrown).message
  }
}
