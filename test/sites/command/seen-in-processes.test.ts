import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seenInProcesses } from '../../../src/sites/command/check/seen-in-processes.ts'
import { showInProcess } from './shown-process.ts'

test('a text is found in the arguments and the environment of processes, while there are any', async () => {
  const tag = `text-of-${process.pid}`
  const said = await seenInProcesses(`${tag}-a`, showInProcess({ argv: [`${tag}-a`] }))
  assert.ok(said.includes('the command line of bash'), said.join())
  // One that ends while it is looked at has no name any more.
  for (const one of said) assert.match(one, /^the command line of (bash|process \d+)$/)
  const where = await seenInProcesses(`${tag}-b`, showInProcess({ env: { SECRET: `${tag}-b` } }))
  assert.ok(where.includes('the environment of bash'), where.join())
  assert.deepEqual(await seenInProcesses(`${tag}-a`, Promise.resolve()), [])
})

test('what goes on meanwhile may fail, and that is not lost', async () => {
  await assert.rejects(seenInProcesses('nobody has this text', Promise.reject(new Error('failed'))), /failed/)
})
