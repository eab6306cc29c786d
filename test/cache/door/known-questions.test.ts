import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KnownQuestions } from '../../../src/cache/door/known-questions.ts'
import { originsOf } from '../../../src/cache/origins.ts'
import { settingsFor } from '../settings-for.ts'

const origins = originsOf(
  settingsFor({
    listen: '0.0.0.0:3128',
    store: '/var/cache/causeway-cache',
    origins: { 'mirror.lab': { address: '10.0.0.1' }, 'other.lab': { address: '10.0.0.2' } },
  }),
)
const head = (path: string, host = 'mirror.lab', more = '') => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`

test('the same words are the same question, others are not, however little they differ', () => {
  const questions = new KnownQuestions(origins, 'causeway-me')
  const heads = [
    head('/x_1_all.deb'),
    head('/x_2_all.deb'),
    head('/x_1_all.deb', 'other.lab'),
    head('/dists/a/InRelease'),
  ]
  for (const round of [1, 2]) {
    const found = heads.map((each) => questions.read(each))
    assert.deepEqual(
      found.map((question) => [question?.url, question?.kind]),
      [
        ['http://mirror.lab/x_1_all.deb', 'package'],
        ['http://mirror.lab/x_2_all.deb', 'package'],
        ['http://other.lab/x_1_all.deb', 'package'],
        ['http://mirror.lab/dists/a/InRelease', 'index'],
      ],
      `round ${round}`,
    )
  }
  assert.equal(questions.read(heads[0] as string), questions.read(heads[0] as string))
  const agent = questions.read(head('/x_1_all.deb', 'mirror.lab', 'User-Agent: a\r\n'))
  assert.equal(agent?.url, 'http://mirror.lab/x_1_all.deb')
})

test('what is refused, or is not plain, is no question, also the second time', () => {
  const questions = new KnownQuestions(origins, 'causeway-me')
  const others = [
    head('/x', 'evil.lab'),
    head('/../x'),
    head('/_causeway/stats'),
    head('/x', 'mirror.lab', 'Host: mirror.lab\r\n'),
    head('/x', 'mirror.lab', 'Range: bytes=0-1\r\n'),
    head('/x', 'mirror.lab', 'Cookie: a\r\n'),
  ]
  for (const each of [...others, ...others]) assert.equal(questions.read(each), undefined, JSON.stringify(each))
})

test('however many questions there are, few are remembered', () => {
  const questions = new KnownQuestions(origins, 'causeway-me')
  const first = questions.read(head('/0'))
  for (let at = 1; at < 5000; at += 1) assert.equal(questions.read(head(`/${at}`))?.path, `/${at}`)
  const again = questions.read(head('/0'))
  assert.deepEqual(again, first)
  assert.notEqual(again, first, 'it was forgotten')
})
