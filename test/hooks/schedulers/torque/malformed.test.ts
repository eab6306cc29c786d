import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import * as fc from 'fast-check'
import { parseStringPromise } from 'xml2js'
import { parsePbsnodes } from '../../../../src/hooks/schedulers/torque/pbsnodes.ts'
import { parseQstat } from '../../../../src/hooks/schedulers/torque/qstat.ts'
import { readRecords } from '../../../../src/hooks/schedulers/torque/xml.ts'
import { pbsnodesDocument, qstatDocument } from './documents.ts'

const sample = (name: string) => readFileSync(new URL(`samples/${name}`, import.meta.url), 'utf8')
const refusal = { name: 'CausewayError', code: 'MalformedOutput' }
const refusesJobs = (text: string) => assert.rejects(parseQstat(text, 0), refusal)
const refusesNodes = (text: string) => assert.throws(() => parsePbsnodes(text, 0), refusal)

suite('output that is not what it should be', () => {
  test('XML that was cut anywhere', async () => {
    const jobs = sample('qstat-x-t.xml').trimEnd()
    for (let at = 0; at < jobs.length; at += 61) await refusesJobs(jobs.slice(0, at))
    for (let at = 1; at < 60; at++) await refusesJobs(jobs.slice(0, -at))
    const nodes = sample('pbsnodes-x.xml').trimEnd()
    for (let at = 0; at < nodes.length; at++) refusesNodes(nodes.slice(0, at))
  })

  test('XML that has lost a part in its middle is refused, or has lost no job silently but whole ones', async () => {
    const text = sample('qstat-x-t.xml')
    for (let at = 30; at < text.length - 200; at += 157) {
      const rest = text.slice(0, at) + text.slice(at + 100)
      await parseQstat(rest, 0).then(
        (jobs) => assert.ok(jobs.every((job) => /^\d+(\[\d+\])?$/.test(job.id) && job.submittedAtMs > 0)),
        (error) => assert.equal(error.code, 'MalformedOutput'),
      )
    }
  })

  test('something in front or behind, another document, or none', async () => {
    const text = sample('qstat-x-t.xml')
    for (const wrong of [
      `Warning: the server is busy\n${text}`,
      `${text}qstat: Connection lost`,
      text + text,
      sample('pbsnodes-x.xml'),
      'Job ID    Name    User\n',
      '',
      '{"jobs":[]}',
      '<Data/>',
      '<Data><Job></Job></Data>',
      '<Data><!-- none --></Data>',
      '<Data><Job><Job_Id x="1">1.head</Job_Id></Job></Data>',
      '<Data><Job><Job_Id>1.head</Job_Id><a><b><c>deep</c></b></a></Job></Data>',
      '<html><body>502</body></html>',
    ]) {
      await refusesJobs(wrong)
    }
    refusesNodes(text)
  })

  test('a wrong encoding', async () => {
    const text = sample('qstat-x-t.xml')
    await refusesJobs(Buffer.from(text, 'utf16le').toString('utf8'))
    await refusesJobs(Buffer.from(text, 'utf16le').swap16().toString('utf8'))
    await refusesJobs(Buffer.from(text).toString('base64'))
    refusesNodes(Buffer.from(sample('pbsnodes-x.xml').replace('>t1<', '>tä<'), 'latin1').toString('utf8'))
    // In what only people read, such a letter says nothing false.
    const named = Buffer.from(qstatDocument([['Job_Name', 'für']]), 'latin1').toString('utf8')
    assert.equal((await parseQstat(named, 0))[0]?.name, 'f\uFFFDr')
  })

  test('states and values that nobody knows', async () => {
    for (const fields of [
      [['job_state', 'Z']],
      [['job_state', '']],
      [['Job_Id', 'twelve']],
      [['Job_Id', '']],
      [['Hold_Types', 'q']],
      [['ctime', 'yesterday']],
      [['ctime', '']],
      [['Resource_List.nodes', '2:ppn=many']],
      [['Resource_List.nodes', '2;rm -rf /']],
      [['Resource_List.walltime', 'long']],
      [['Resource_List.mem', '4 apples']],
      [['exec_host', 't1/0 t2/0']],
    ] as [string, string][][]) {
      await refusesJobs(
        qstatDocument(fields.flatMap((field) => (field[0] === 'exec_host' ? [['job_state', 'R'], field] : [field]))),
      )
    }
    refusesNodes(
      pbsnodesDocument([
        ['name', 't1'],
        ['state', 'asleep'],
      ]),
    )
    refusesNodes(
      pbsnodesDocument([
        ['name', 't1'],
        ['state', 'free,asleep'],
      ]),
    )
    refusesNodes(pbsnodesDocument([['name', 't1']]))
    refusesNodes(pbsnodesDocument([['state', 'free']]))
    refusesNodes(
      pbsnodesDocument([
        ['name', 't1'],
        ['state', 'free'],
        ['np', 'two'],
      ]),
    )
  })

  test('a hundred million characters', async () => {
    await refusesJobs(' '.repeat(100_000_000))
    await refusesJobs(`<Data><Job><Job_Id>${'1'.repeat(100_000_000)}</Job_Id></Job></Data>`)
  })
})

suite('the reader for XML', () => {
  const word = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,6}$/)
  const text = fc
    .string({ unit: fc.constantFrom(...Array.from('abc <>&"\'=,:/[]()%+0123\n')) })
    .map((value) => value.trim())
    .filter((value) => value !== '')
  const escaped = (value: string) =>
    value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

  test('finds what a general one finds', async () => {
    const record = fc.dictionary(word, fc.oneof(text, fc.dictionary(word, text, { minKeys: 1, maxKeys: 4 })), {
      minKeys: 1,
      maxKeys: 8,
    })
    const property = fc.asyncProperty(fc.array(record, { maxLength: 4 }), async (records) => {
      const element = ([name, value]: [string, string | Record<string, string>]): string =>
        `<${name}>${typeof value === 'string' ? escaped(value) : Object.entries(value).map(element).join('')}</${name}>`
      const document = `<Data>${records.map((fields) => `<Job>${Object.entries(fields).map(element).join('')}</Job>`).join('\n')}</Data>`
      const names = new Set(records.flatMap((fields) => Object.entries(fields)).flatMap(pathsOf))
      const found = Array.from(readRecords(document, 'Job', names), (fields) =>
        Object.fromEntries([...fields].map(([name, value]) => [name, value.trim()])),
      )
      const parsed = (await parseStringPromise(document, { explicitArray: false, trim: true })) as {
        Data: { Job?: object | object[] } | ''
      }
      const jobs = parsed.Data === '' ? [] : [parsed.Data.Job ?? []].flat()
      assert.deepEqual(found, jobs.map(flatten))
    })
    await fc.assert(property, { numRuns: 200 })
  })

  test('a lone & stays as it is', () => {
    const [fields] = readRecords(
      '<Data><Job><a>x&y &amp;lt; &#65;&#x42; &nope; &#9999999;</a></Job></Data>',
      'Job',
      new Set(['a']),
    )
    assert.equal(fields?.get('a'), 'x&y &lt; AB &nope; &#9999999;')
  })
})

function pathsOf([name, value]: [string, unknown]): string[] {
  return typeof value === 'string' ? [name] : Object.keys(value as object).map((inner) => `${name}.${inner}`)
}

function flatten(record: object): Record<string, string> {
  const pairs = Object.entries(record).flatMap(([name, value]) =>
    typeof value === 'string'
      ? [[name, value]]
      : Object.entries(value as object).map(([inner, v]) => [`${name}.${inner}`, v]),
  )
  return Object.fromEntries(pairs)
}
