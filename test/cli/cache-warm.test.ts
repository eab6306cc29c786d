import assert from 'node:assert/strict'
import { test } from 'node:test'
import { showProgress, showWarmed } from '../../src/cli/cache-warm.ts'

test('how far warming is', () => {
  const nothing = { files: 0, ofFiles: 0, bytes: 0, ofBytes: 0 }
  assert.equal(showProgress({ stage: 'indexes', ...nothing }), 'reading the indexes')
  const half = { files: 60, ofFiles: 120, bytes: 40_000_000, ofBytes: 80_000_000 }
  assert.equal(showProgress({ stage: 'files', ...half }), '60 of 120 files, 40 MB of 80 MB')
})

test('what is there, and what lacks with the reason', () => {
  const lacking = [{ what: 'libx', code: 'NotFound', message: 'no index has it; a needs it' }] as const
  assert.equal(
    showWarmed({ roles: ['slurm'], files: 15, bytes: 3_627_132, fetchedBytes: 0, lacking }),
    'slurm: 15 files, 3.6 MB are there; 0 B of them were fetched now\n' +
      '  lacking libx: no index has it; a needs it (NotFound)',
  )
})
