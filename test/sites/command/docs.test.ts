import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import {
  CapacityAnswer,
  ConsoleAnswer,
  CreateAnswer,
  DeleteAnswer,
  ListAnswer,
  readAnswer,
} from '../../../src/sites/command/answers.ts'
import { driverPromises } from '../../../src/sites/command/check/promises.ts'
import { statusMeanings } from '../../../src/sites/command/protocol.ts'

const file = join(import.meta.dirname, '../../../docs/driver-command.md')
const text = readFileSync(file, 'utf8')

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/** The page with a generated part between its marks. */
function withPart(page: string, name: string, content: string): string {
  const [before, rest = ''] = page.split(`<!-- ${name} -->\n`)
  const [, behind] = rest.split(`<!-- /${name} -->`)
  assert.ok(behind !== undefined, `the page has no place for ${name}`)
  return `${before}<!-- ${name} -->\n${content}\n<!-- /${name} -->${behind}`
}

describe('docs/driver-command.md', () => {
  test('has the statuses and the promises as they are', () => {
    const statuses = table(
      ['status', 'it is', 'when'],
      [
        ...statusMeanings.map(({ status, code, when }) => [String(status), `\`${code}\``, when]),
        ['any other', '`CommandFailed`', 'anything else went wrong'],
      ],
    )
    const promises = table(
      ['promise', 'what holds', 'how'],
      driverPromises.map(({ name, text, remedy }) => [`\`${name}\``, text, remedy]),
    )
    const wanted = withPart(withPart(text, 'statuses', statuses), 'promises', promises)
    // Run with UPDATE_GOLDEN=1 to write them anew, and review the difference.
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, wanted)
    else assert.equal(text, wanted)
  })

  const answers = {
    list: ListAnswer,
    create: CreateAnswer,
    delete: DeleteAnswer,
    console: ConsoleAnswer,
    capacity: CapacityAnswer,
  }
  for (const [verb, schema] of Object.entries(answers)) {
    test(`shows an answer to ${verb} that would be taken`, () => {
      const section = text.split(`\n### ${verb}\n`)[1]?.split('\n##')[0] ?? ''
      const examples = [...section.matchAll(/```json\n(.*?)```/gs)].map(([, json = '']) => json)
      for (const example of examples) JSON.parse(example)
      readAnswer(verb, schema, examples.at(-1) ?? '')
    })
  }
})
