import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import * as fc from 'fast-check'
import { readSwf, type SwfOptions } from '../../../../src/elastic/simulate/traces/swf.ts'

let folder = ''
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'causeway-swf-'))
})
after(() => rmSync(folder, { recursive: true, force: true }))

function file(content: string | Buffer, name = 'some.swf'): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

function read(lines: readonly string[], options?: SwfOptions) {
  return readSwf(file(`${lines.join('\n')}\n`), options)
}

/** A line of 18 fields; those not named are unknown. */
function line(fields: Readonly<Record<number, number | string>>): string {
  return Array.from({ length: 18 }, (_, i) => fields[i + 1] ?? -1).join(' ')
}

const plain = line({ 1: 1, 2: 0, 3: 5, 4: 60, 5: 4, 11: 1 })

describe('readSwf', () => {
  it('takes over what the fields say', async () => {
    const trace = await read([
      '; Version: 2.2',
      ';  UnixStartTime: 1000000000',
      '; MaxProcs: 128',
      '',
      '  7   100    20  3600   16  3500.5  2048   16  7200  1024  1  3  2  9  4  1  -1  -1  ',
    ])
    assert.equal(trace.name, 'some.swf')
    assert.equal(trace.startedAtMs, 1_000_000_100_000, 'the trace begins with its first submission')
    assert.deepEqual(trace.jobs, [
      {
        id: '7',
        submitMs: 0,
        runMs: 3_600_000,
        wallMs: 7_200_000,
        nodeCount: 16,
        perNode: { cpus: 1, memoryMiB: 1, gpus: 0 },
        exclusive: true,
        user: 'user3',
        account: 'group2',
        queue: 'queue4',
        features: '',
      },
    ])
    assert.deepEqual(trace.bad, [])
    assert.deepEqual(trace.leftOut, [])
  })

  it('leaves unknown what is unknown', async () => {
    const [job] = (await read([plain], { startedAtMs: 5 })).jobs
    assert.deepEqual(
      { wall: job?.wallMs, memory: job?.perNode.memoryMiB, user: job?.user, account: job?.account, queue: job?.queue },
      { wall: null, memory: 0, user: '', account: '', queue: '' },
    )
  })

  it('makes nodes of processors', async () => {
    const lines = [1, 8, 9].map((processors) => line({ 1: processors, 2: 0, 4: 1, 8: processors, 10: 1024 }))
    const { jobs } = await read(lines, { cpusPerNode: 8 })
    assert.deepEqual(
      jobs.map((job) => [job.id, job.nodeCount, job.perNode.cpus, job.perNode.memoryMiB, job.exclusive]),
      [
        ['1', 1, 1, 1, false],
        ['8', 1, 8, 8, false],
        ['9', 2, 8, 8, false],
      ],
    )
  })

  it('goes by the processors that were asked for, else by those that were given', async () => {
    const { jobs } = await read([line({ 1: 1, 2: 0, 4: 1, 5: 32, 8: 30 }), line({ 1: 2, 2: 0, 4: 1, 5: 32 })])
    assert.deepEqual(
      jobs.map((job) => job.nodeCount),
      [30, 32],
    )
  })

  it('sorts by submission', async () => {
    const { jobs, startedAtMs } = await read([
      line({ 1: 1, 2: 50, 4: 1, 5: 1 }),
      line({ 1: 2, 2: 10, 4: 1, 5: 1 }),
      line({ 1: 3, 2: 50, 4: 1, 5: 1 }),
    ])
    assert.deepEqual(
      jobs.map((job) => [job.id, job.submitMs]),
      [
        ['2', 0],
        ['1', 40_000],
        ['3', 40_000],
      ],
    )
    assert.equal(startedAtMs, 10_000)
  })

  it('leaves out and counts what never ran, and parts of jobs', async () => {
    const trace = await read([
      line({ 1: 1, 2: 0, 4: -1, 5: 1, 11: 5 }),
      line({ 1: 2, 2: 0, 4: 0, 5: 1, 11: 5 }),
      line({ 1: 3, 2: 0, 4: 0, 5: 1, 11: 1 }),
      line({ 1: 4, 2: 0, 4: 9, 5: 1, 11: 2 }),
      line({ 1: 4, 2: 0, 4: 9, 5: 1, 11: 3 }),
      line({ 1: 4, 2: 0, 4: 9, 5: 1, 11: 4 }),
    ])
    assert.deepEqual(
      trace.jobs.map((job) => [job.id, job.runMs]),
      [['3', 1000]],
    )
    assert.deepEqual(trace.leftOut, [
      { why: 'never ran', jobs: 2 },
      { why: 'part of a checkpointed job', jobs: 3 },
    ])
    assert.deepEqual(trace.bad, [])
  })

  it('names broken lines and goes on', async () => {
    const trace = await read([
      '; comment',
      '1 2 3',
      plain,
      line({ 1: 2, 2: 'soon', 4: 1, 5: 1 }),
      line({ 1: 3, 2: -1, 4: 1, 5: 1 }),
      line({ 1: 4, 2: 0, 4: 1 }),
      line({ 1: 1, 2: 9, 4: 1, 5: 1 }),
      line({ 1: 5, 2: 0, 4: 1e15, 5: 1 }),
      line({ 1: 6, 2: 0, 4: 1, 5: 1e12 }),
      'x'.repeat(10_000),
    ])
    assert.equal(trace.jobs.length, 1)
    assert.deepEqual(
      trace.bad.map(({ line, why }) => `${line}: ${why}`),
      [
        '2: has 3 fields, expected 18',
        '4: field 2 is not a number',
        '5: the submit time (field 2) is not known',
        '6: the number of processors (fields 5 and 8) is not known',
        '7: another line has job number 1, too',
        '8: a time (field 2 or 4) is out of range',
        '9: the number of processors (field 5 or 8) is out of range',
        '10: has 1 fields, expected 18',
      ],
    )
    assert.equal(trace.bad[0]?.text, '1 2 3')
    assert.ok((trace.bad.at(-1)?.text.length ?? 0) < 200, 'a long line is cut')
  })

  it('gives up at the first broken line if told so', async () => {
    const path = file(`${plain}\n1 2 3\n4 5 6\n`)
    await assert.rejects(readSwf(path, { onBad: 'fail' }), {
      code: 'InvalidRequest',
      message: `${path}:2: has 3 fields, expected 18`,
    })
  })

  it('reads a gzip file, the last line without an end, and lines that end in CR LF', async () => {
    const text = `; UnixStartTime: 1000\r\n${plain}\r\n${line({ 1: 2, 2: 4, 4: 1, 5: 1 })}`
    const trace = await readSwf(file(gzipSync(text), 'packed.swf.gz'))
    assert.equal(trace.name, 'packed.swf')
    assert.equal(trace.startedAtMs, 1_000_000)
    assert.deepEqual(
      trace.jobs.map((job) => job.id),
      ['1', '2'],
    )
    assert.deepEqual(trace.bad, [])
  })

  it('says which file it could not read', async () => {
    const missing = join(folder, 'missing.swf')
    await assert.rejects(readSwf(missing), { code: 'NotFound', message: `${missing}: there is no such file` })
    const missingGz = join(folder, 'missing.swf.gz')
    await assert.rejects(readSwf(missingGz), { code: 'NotFound' })
    const cut = file(gzipSync('x'.repeat(100_000)).subarray(0, 60), 'cut.swf.gz')
    await assert.rejects(readSwf(cut), { code: 'InvalidRequest', message: /cut\.swf\.gz: can't be read: / })
    const notGzip = file('hello', 'plain.swf.gz')
    await assert.rejects(readSwf(notGzip), { code: 'InvalidRequest' })
  })

  it('accounts for every line, whatever the file holds', async () => {
    const word = fc.oneof(
      fc.integer({ min: -2, max: 5000 }).map(String),
      fc.constantFrom('x', '1e3', 'NaN', '0x10', '-'),
    )
    const words = fc.oneof(
      fc.array(word, { minLength: 18, maxLength: 18 }),
      fc.array(word, { minLength: 1, maxLength: 20 }),
      fc.array(fc.integer({ min: 0, max: 99 }).map(String), { minLength: 18, maxLength: 18 }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(words, { maxLength: 30 }), async (lines) => {
        const trace = await read(lines.map((one) => one.join(' ')))
        const leftOut = trace.leftOut.reduce((sum, one) => sum + one.jobs, 0)
        assert.equal(trace.jobs.length + trace.bad.length + leftOut, lines.length)
        let last = 0
        for (const job of trace.jobs) {
          assert.ok(job.submitMs >= last && job.runMs >= 1000 && job.nodeCount >= 1 && Number.isInteger(job.nodeCount))
          last = job.submitMs
        }
        assert.equal(new Set(trace.jobs.map((job) => job.id)).size, trace.jobs.length)
      }),
      { numRuns: 60 },
    )
  })
})
