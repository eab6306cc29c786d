import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { noSnippets, readSnippets } from '../../src/sites/snippets.ts'

let folder: string
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'causeway-snippets-'))
})
after(() => rmSync(folder, { recursive: true }))

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

test("a type's snippets are its own where it has them, and its site's otherwise", async () => {
  const common = file('common', '#!/bin/sh\ncommon\n')
  const special = file('special', '#!/bin/sh\nspecial\n')
  const of = await readSnippets({
    sites: {
      east: { seed: { before: common, after: common }, types: { big: { seed: { after: special } }, small: {} } },
      west: {},
    },
  })
  const [ofCommon, ofSpecial] = ['#!/bin/sh\ncommon\n', '#!/bin/sh\nspecial\n']
  assert.deepEqual(of({ site: 'east', type: 'standard' }), { before: ofCommon, after: ofCommon })
  assert.deepEqual(of({ site: 'east', type: 'small' }), { before: ofCommon, after: ofCommon })
  assert.deepEqual(of({ site: 'east', type: 'big' }), { before: ofCommon, after: ofSpecial })
  assert.deepEqual(of({ site: 'west', type: 'standard' }), noSnippets)
})

test('a snippet that nodes could not run is a mistake in the configuration, told with its place', async () => {
  const types = (path: string) => ({ sites: { east: { types: { big: { seed: { before: path } } } } } })
  await assert.rejects(readSnippets(types(join(folder, 'missing'))), {
    code: 'InvalidConfig',
    message: /^sites\.east\.types\.big\.seed\.before: \/.*missing can't be read: ENOENT/,
  })
  await assert.rejects(readSnippets(types(file('bare', 'echo hello\n'))), {
    code: 'InvalidConfig',
    message: /bare does not begin with its interpreter, such as #!\/bin\/sh$/,
  })
})
