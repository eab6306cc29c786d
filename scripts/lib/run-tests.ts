/**
 * Runs test files, the longest first, and shows them as node's own runner does. Started by scripts/test:
 *   node run-tests.ts FILES-AT-ONCE TALLY GLOB...
 * TALLY gets the results as TAP. The exit status is 1 when a test failed.
 */
import { createWriteStream, globSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'
import type { Duplex } from 'node:stream'
import { finished } from 'node:stream/promises'
import { run } from 'node:test'
import { spec as Spec, tap } from 'node:test/reporters'
import { fileURLToPath } from 'node:url'

const repository = fileURLToPath(new URL('../..', import.meta.url))
/** How many of the slowest files are named at the end. */
const named = 15

/** The files of the list first, in its order: a long file that begins last keeps a core waiting at the end. */
function longestFirst(files: readonly string[]): string[] {
  const list = readFileSync(`${repository}/test/longest-first`, 'utf8').split('\n')
  const rank = new Map(list.map((file, index) => [file, index]))
  const rankOf = (file: string) => rank.get(relative(repository, file)) ?? list.length
  return files.toSorted((a, b) => rankOf(a) - rankOf(b) || a.localeCompare(b))
}

const [atOnce = '1', tally = '', ...globs] = process.argv.slice(2)
const files = longestFirst(globs.flatMap((glob) => globSync(`${repository}/${glob}`)))
if (files.length === 0) throw new Error(`no test file is at ${globs.join(' ')}`)

// What one file's process has compiled the others need not compile again.
process.env['NODE_COMPILE_CACHE'] ??= `${process.env['CAUSEWAY_CACHE'] ?? '/var/cache/causeway'}/compiled`

let failed = false
const seconds = new Map<string, number>()
const stream = run({ files, concurrency: Number(atOnce), cwd: repository })
stream.on('test:fail', ({ todo, skip }) => {
  if (todo === undefined && skip === undefined) failed = true
})
for (const event of ['test:pass', 'test:fail'] as const) {
  stream.on(event, ({ nesting, file, details }) => {
    if (nesting === 0 && file) seconds.set(file, (seconds.get(file) ?? 0) + details.duration_ms / 1000)
  })
}
const shown = stream.pipe(new Spec())
shown.pipe(process.stdout, { end: false })
const kept = createWriteStream(tally)
stream.compose<Duplex>(tap).pipe(kept)
await Promise.all([finished(shown), finished(kept)])

const slowest = [...seconds].toSorted(([, a], [, b]) => b - a).slice(0, named)
process.stdout.write('slowest files, s:\n')
for (const [file, took] of slowest)
  process.stdout.write(`${took.toFixed(1).padStart(7)}  ${relative(repository, file)}\n`)
process.exitCode = failed ? 1 : 0
