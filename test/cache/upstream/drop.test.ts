import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { drop } from '../../../src/cache/upstream/drop.ts'

test('a short body that nobody wants is read to its end', async () => {
  const body = Readable.from([Buffer.alloc(1000)])
  drop({ body })
  await once(body, 'end')
})

test('a long body that nobody wants is broken off', async () => {
  let taken = 0
  const body = new Readable({
    read() {
      taken += 1
      this.push(Buffer.alloc(16 * 1024))
    },
  })
  drop({ body })
  await once(body, 'close')
  assert.ok(taken < 20, `${taken} chunks`)
})

test('one that does not come to its end does not keep its connection', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const body = new Readable({ read: () => {} })
  drop({ body })
  t.mock.timers.tick(5_000)
  assert.ok(body.destroyed)
})
