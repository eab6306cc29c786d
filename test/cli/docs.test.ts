import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { Command } from 'commander'
import { commands } from '../../src/cli/commands.ts'

const root = join(import.meta.dirname, '../..')
const pages = ['README.md', ...readdirSync(join(root, 'docs')).map((file) => `docs/${file}`)].filter((file) =>
  file.endsWith('.md'),
)

const program = new Command('causeway')
for (const load of Object.values(commands)) program.addCommand(await load())

/** Every call of `causeway` in a page's code: between backticks, or a line of a fenced block. */
function callsIn(page: string): string[] {
  const text = readFileSync(join(root, page), 'utf8').replaceAll(/\\\n\s*/g, ' ')
  const fenced = [...text.matchAll(/^ *```(?:sh)?\n(.*?)^ *```$/gms)].flatMap(([, block = '']) => block.split('\n'))
  const spans = [...text.replaceAll(/^ *```.*?^ *```$/gms, '').matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span)
  return [...fenced, ...spans]
    .map((line) => line.trim())
    .filter((line) => /^(\/\S+\/)?causeway [a-z-]+( |$)/.test(line))
}

/** What is wrong with a call; null: nothing that the names of commands and options tell. */
function wrongWith(call: string): string | null {
  // Behind these there is no call any more: a comment, another program, what an option is told.
  const words =
    call
      .split(/ (?:#|-- |\||>|&&)/)[0]
      ?.split(/\s+/)
      .slice(1) ?? []
  let command = program
  const known = new Set<string | undefined>()
  let depth = 0
  for (const word of words) {
    const next = command.commands.find((one) => one.name() === word)
    if (!next) break
    command = next
    depth += 1
    for (const { long, short } of next.options) known.add(long).add(short)
  }
  const next = words[depth]
  if (command === program || (command.commands.length > 0 && next !== undefined && /^[a-z]/.test(next))) {
    return `there is no command ${next}`
  }
  const options = words.flatMap((word) => /^\[?(--?[a-z][a-z-]*)/.exec(word)?.[1] ?? [])
  const unknown = options.filter((option) => !known.has(option))
  return unknown.length > 0 ? `no option ${unknown.join(', ')}` : null
}

describe('the calls of causeway in the guides', () => {
  const calls = pages.flatMap((page) => callsIn(page).map((call) => ({ page, call })))

  test('are found', () => {
    assert.ok(calls.length > 100, `only ${calls.length}`)
  })

  test('name commands and options that there are', () => {
    const wrong = calls.flatMap(({ page, call }) => {
      const what = wrongWith(call)
      return what === null ? [] : [`${page}: ${call}: ${what}`]
    })
    assert.deepEqual(wrong, [])
  })

  test('would be found wrong', () => {
    assert.equal(wrongWith('causeway imagine list'), 'there is no command imagine')
    assert.equal(wrongWith('causeway image lists --json'), 'there is no command lists')
    assert.equal(wrongWith('causeway image list --jso'), 'no option --jso')
    assert.equal(wrongWith('causeway driver check --image x -- prog --state y'), null)
  })
})
