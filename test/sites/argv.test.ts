import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { checkArgv, quoteArgv } from '../../src/sites/argv.ts'

describe('quoteArgv', () => {
  it('leaves plain words readable', () => {
    assert.equal(quoteArgv(['ip', 'link', 'add', 'cwx77', '10.0.0.1/24']), 'ip link add cwx77 10.0.0.1/24')
    assert.equal(quoteArgv(['a b', "it's", '', '~', '$x']), `'a b' 'it'\\''s' '' '~' '$x'`)
  })

  it('gives words that a POSIX shell hands on unchanged', () => {
    const nasty = fc.constantFrom(
      "'",
      '"',
      '\\',
      '\n',
      '$',
      '`',
      '!',
      '*',
      '~',
      ' ',
      '\t',
      ';',
      '&',
      '#',
      '=',
      '-',
      'x',
    )
    const text = fc.oneof(fc.string({ unit: nasty }), fc.string({ unit: 'binary' })).filter((word) => !/\0/.test(word))
    // Many argument vectors in one shell: a new process for each would only make the test slow.
    fc.assert(
      fc.property(fc.array(fc.array(text, { maxLength: 5 }), { minLength: 1, maxLength: 50 }), (vectors) => {
        const script = vectors.map((argv) => `/bin/printf '%s\\0' : ${quoteArgv(argv)}\n`).join('')
        const seen = execFileSync('sh', ['-c', script], { encoding: 'utf8' })
        assert.deepEqual(
          seen.split('\0').slice(0, -1),
          vectors.flatMap((argv) => [':', ...argv]),
        )
      }),
      { numRuns: 20 },
    )
  })
})

describe('checkArgv', () => {
  it('gives the vector back, or says what is wrong with it', () => {
    assert.deepEqual(checkArgv(['ls', '', 'A=b']), ['ls', '', 'A=b'])
    assert.throws(() => checkArgv([]), { code: 'InvalidRequest' })
    assert.throws(() => checkArgv(['X=1', 'ls']), { code: 'InvalidRequest' })
    assert.throws(() => checkArgv(['ls', 'a\0']), { code: 'InvalidRequest', message: /ls has a NUL/ })
  })
})
