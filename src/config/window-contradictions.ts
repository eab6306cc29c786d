import { cronProblem, everFires } from './cron.ts'
import { type Problem, problemAt } from './explain.ts'
import { type NodeType, setFor } from './node-types.ts'
import type { PolicyFile } from './policy-schema.ts'
import { unknownSite, unknownType } from './unknown-names.ts'

type Window = PolicyFile['policy']['windows'][number]

/**
 * What can't be true of windows. Each is held against the policy without windows; where several overlap, minimum and spare nodes are
 * cut to the maximum when it happens.
 */
export function* windowContradictions(file: PolicyFile, types: readonly NodeType[]): Generator<Problem> {
  const { windows, timezone } = file.policy
  const taken = new Set<string>()
  for (const [index, window] of windows.entries()) {
    const path = ['policy', 'windows', index]
    if (taken.has(window.name)) yield problemAt([...path, 'name'], 'another window has this name: choose another')
    taken.add(window.name)
    const wrong = cronProblem(window.cron)
    if (wrong !== null) {
      yield problemAt(
        [...path, 'cron'],
        `expected a cron expression such as "0 20 * * *" that fires at some time, got ${JSON.stringify(window.cron)} (${wrong})`,
      )
    } else if (!everFires(window.cron, timezone)) {
      yield problemAt(
        [...path, 'cron'],
        `${JSON.stringify(window.cron)} never fires: no day has such a date, weekday and time in ${timezone}`,
      )
    }
    if (Object.values(window.set).every((value) => Object.keys(value).length === 0 && !Array.isArray(value))) {
      yield problemAt([...path, 'set'], 'it sets nothing: say what changes, or drop the window')
    }
    yield* unknownNames(file, window, path)
    for (const type of types) yield* limits(type, window, path)
  }
}

function* unknownNames(file: PolicyFile, { set }: Window, path: Problem['path']): Generator<Problem> {
  for (const [site, ofSite] of Object.entries(set.sites ?? {})) {
    const at = [...path, 'set', 'sites', site]
    if (!Object.hasOwn(file.sites, site)) {
      yield unknownSite(at, site, file)
      continue
    }
    const problems = [
      ofSite.nodes ? unknownType([...at, 'nodes'], site, null, file) : null,
      ...Object.keys(ofSite.types ?? {}).map((type) => unknownType([...at, 'types', type], site, type, file)),
    ]
    for (const problem of problems) if (problem) yield problem
  }
}

function* limits({ site, type, path: described, settings }: NodeType, window: Window, path: Problem['path']) {
  const set = setFor(window.set, site, type)
  const minimum = set.minimum ?? settings.minimum
  const maximum = set.maximum ?? settings.maximum
  const at = [...path, 'set', ...described]
  if (minimum > maximum && (set.minimum !== undefined || set.maximum !== undefined)) {
    yield problemAt(
      [...at, set.minimum === undefined ? 'maximum' : 'minimum'],
      `in this window the minimum of ${minimum} is over the maximum of ${maximum}: lower the one or raise the other`,
    )
  }
  // Spare nodes that the policy has without the window are cut to the window's maximum: that closes a type for a time.
  if (set.spare !== undefined && set.spare > maximum) {
    yield problemAt(
      [...at, 'spare'],
      `in this window ${set.spare} spare nodes are over the maximum of ${maximum}: lower them or raise the maximum`,
    )
  }
}
