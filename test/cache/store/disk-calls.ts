import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import type { TestContext } from 'node:test'
import { atEnd } from '../cleanup.ts'

/** The calls by which the store changes a disk, and asks how full it is. What SQLite does lies between them. */
const changes = ['open', 'write', 'unlink', 'rename', 'writeFile', 'statfs'] as const

export type DiskCall = (typeof changes)[number] | 'read'

export interface DiskWatch {
  /** Before a call: it waits for what this gives, and fails with what it throws. `path` is '' for a call on a descriptor. */
  readonly before?: (name: DiskCall, path: string) => Promise<void> | undefined
  /** When a call is over, before whoever made it hears of that. */
  readonly after?: () => void
}

type Call = (...args: unknown[]) => unknown

/** Stands between the store and the disk until the test ends, in both ways to call it: with a callback, or by a promise. */
export function watchDisk(
  t: TestContext,
  { before = () => undefined, after = () => {} }: DiskWatch,
  calls: readonly DiskCall[] = changes,
): void {
  const undo: (() => void)[] = []
  for (const [api, wrap] of [
    [fs, called],
    [fs.promises, promised],
  ] as const) {
    const functions = api as unknown as Record<string, Call>
    for (const name of calls) {
      const real = functions[name] as Call
      undo.push(() => (functions[name] = real))
      functions[name] = wrap(real, (args) => before(name, typeof args[0] === 'string' ? args[0] : ''), after)
    }
  }
  syncBuiltinESMExports()
  atEnd(t, () => {
    for (const each of undo) each()
    syncBuiltinESMExports()
  })
}

type Before = (args: readonly unknown[]) => Promise<void> | undefined

function promised(real: Call, before: Before, after: () => void): Call {
  return async (...args) => {
    await before(args)
    try {
      return await real(...args)
    } finally {
      after()
    }
  }
}

function called(real: Call, before: Before, after: () => void): Call {
  return (...args) => {
    const done = args.at(-1) as (...answer: unknown[]) => void
    args[args.length - 1] = (...answer: unknown[]) => {
      after()
      done(...answer)
    }
    let waiting: Promise<void> | undefined
    try {
      waiting = before(args)
    } catch (error) {
      process.nextTick(done, error)
      return
    }
    if (waiting) void waiting.then(() => real(...args), done)
    else real(...args)
  }
}
