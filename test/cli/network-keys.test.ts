import assert from 'node:assert/strict'
import { test } from 'node:test'
import { showKeys } from '../../src/cli/network-keys.ts'

test('the keys as text: who has which, and what a change waits for', () => {
  const text = showKeys(
    {
      generation: 1,
      beganAtMs: 0,
      changing: true,
      waitsFor: ['a key of west'],
      gateways: [
        { name: 'head', generations: [1, 0], linked: ['east'], moved: false, problem: null },
        { name: 'west', generations: [0], linked: [], moved: false, problem: 'west: no connection' },
      ],
    },
    12_000,
  )
  assert.equal(
    text,
    [
      'keys of generation 1, 12s old: being changed',
      'waits for a key of west',
      '',
      'GATEWAY  KEYS  REACHED BY THE LATEST  TRAFFIC BY THE LATEST  PROBLEM',
      'head     1, 0  east                   not yet',
      'west     0     -                      not yet                west: no connection',
    ].join('\n'),
  )
})
