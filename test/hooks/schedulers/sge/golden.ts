import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'

/**
 * Compares with the reviewed file in `golden/`. With GOLDEN=write in the environment it is written instead: review the
 * difference as code.
 */
export function golden(name: string, value: unknown): void {
  const file = new URL(`golden/${name}`, import.meta.url)
  if (process.env['GOLDEN'] === 'write') writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`)
  assert.deepEqual(JSON.parse(JSON.stringify(value)), JSON.parse(readFileSync(file, 'utf8')))
}
