import assert from 'node:assert/strict'
import { it } from 'node:test'
import { namedWords } from '../../../src/cli/site/named-words.ts'

it('words of options have names, or one may have none', () => {
  const key = `SHA256:${'a='.repeat(3)}`
  assert.deepEqual(
    [...namedWords('--host-key', [key, `h2=${key}`], '')],
    [
      ['', key],
      ['h2', key],
    ],
  )
  assert.deepEqual([...namedWords('--host', ['h2=2001:db8::2'], null)], [['h2', '2001:db8::2']])
  const refused = { code: 'InvalidRequest', message: /expected NAME=ADDRESS/ }
  for (const bad of ['192.0.2.1', 'h2=', '=192.0.2.1', ''])
    assert.throws(() => namedWords('--host', [bad], null), refused)
  assert.throws(() => namedWords('--host', ['h2=a', 'h2=b'], null), { code: 'InvalidRequest', message: /said twice/ })
  assert.throws(() => namedWords('--host-key', [key, key], ''), { code: 'InvalidRequest', message: /said twice/ })
})
