import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  assert as assertProperty,
  constant,
  constantFrom,
  oneof,
  property,
  record,
  string,
  stringMatching,
  uniqueArray,
} from 'fast-check'
import { renderNoCloud } from '../../src/sites/cloud-init/no-cloud.ts'
import type { SeedFile } from '../../src/sites/driver.ts'
import { machineSpec } from '../support/machine-spec.ts'

const reader = fileURLToPath(new URL('../../lab/vm/light/files/seed-files', import.meta.url))

/** What the light image reads out of the user data of a seed, as `MODE PATH CONTENT` lines. */
function read(seed: readonly SeedFile[]): string[] {
  const { userData } = renderNoCloud(machineSpec('a-1', { seed }))
  return execFileSync(reader, { input: userData, encoding: 'utf8' }).split('\n').slice(0, -1)
}

const files = uniqueArray(
  record({
    path: stringMatching(/^[a-z0-9][A-Za-z0-9._-]{0,20}(\/[a-z0-9_-]{1,9})?$/),
    mode: constantFrom(0o600, 0o644, 0o755),
    content: oneof(string({ unit: 'binary' }), constant('{path: "/x", content: "eA=="}\n'.repeat(2000))),
  }),
  { selector: (file) => file.path, maxLength: 5 },
)

test('the light image reads every file of a seed out of the user data that cloud-init would get', () => {
  assertProperty(
    property(files, (seed) => {
      const expected = seed.map(({ path, mode, content }) => {
        const text = Buffer.from(content).toString('base64')
        return `0${mode.toString(8)} /var/lib/causeway/seed/${path} ${text}`
      })
      assert.deepEqual(read(seed), expected)
    }),
    { numRuns: 40 },
  )
})
