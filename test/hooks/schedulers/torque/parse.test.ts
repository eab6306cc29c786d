import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { parsePbsnodes } from '../../../../src/hooks/schedulers/torque/pbsnodes.ts'
import { parseQstat } from '../../../../src/hooks/schedulers/torque/qstat.ts'

const samples = new URL('samples/', import.meta.url)
/** When the samples were recorded, ms. */
const recordedMs = 1_795_361_056_000

suite('the recorded samples', () => {
  for (const name of readdirSync(samples).filter((file) => file.endsWith('.xml'))) {
    test(`${name} gives the reviewed demand`, async () => {
      const text = readFileSync(new URL(name, samples), 'utf8')
      const found = name.startsWith('qstat') ? await parseQstat(text, recordedMs) : parsePbsnodes(text, recordedMs)
      const golden = new URL(`golden/${name.replace(/xml$/, 'txt')}`, import.meta.url)
      // Run with UPDATE_GOLDEN=1 to write them anew, and review the difference.
      if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(golden, `${lines(found)}\n`)
      assert.equal(`${lines(found)}\n`, readFileSync(golden, 'utf8'))
    })
  }
})

/** JSON with one record a line. */
function lines(records: readonly object[]): string {
  return `[\n${records.map((record) => JSON.stringify(record)).join(',\n')}\n]`
}
