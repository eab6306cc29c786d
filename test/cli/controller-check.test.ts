import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { configText } from '../support/controller-config.ts'

const main = new URL('../../src/main.ts', import.meta.url).pathname

test('causeway controller --check finds what would keep the controller from starting, snippets too', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'causeway-check-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const [file, snippet] = [join(folder, 'causeway.yaml'), join(folder, 'tuning')]
  writeFileSync(file, configText().replace('  east:\n', `  east:\n    seed: { after: ${snippet} }\n`))
  const check = () => promisify(execFile)(process.execPath, [main, 'controller', '--check', '--config', file])
  await assert.rejects(check(), { code: 2, stderr: /^causeway: sites\.east\.seed\.after: .*tuning can't be read/ })
  writeFileSync(snippet, '#!/bin/sh\n')
  assert.equal((await check()).stdout, `${file}: ok\n`)
})
