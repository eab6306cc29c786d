import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { openTrace } from '../../src/cli/simulate-trace.ts'

const policy = `sites:
  east: { order: 1, nodes: { maximum: 1, idle: 1m, cost: 1, cpus: 8, memory: 31GiB } }
  west: { order: 2, nodes: { maximum: 4, idle: 1m, cost: 2, cpus: 8, memory: 31GiB } }
simulation:
  sites: { east: { boot: 99s, spread: 1 }, west: { boot: 49s, spread: 1 } }
`

/** Two jobs of a processor each, submitted at 0 s and 10 s, that run for 60 s; and a line that is none. */
const swf = `; UnixStartTime: 1700000000
1 0 -1 60 1 -1 -1 1 120 -1 1 7 3 -1 1 -1 -1 -1
2 10 -1 60 1 -1 -1 1 120 -1 1 7 3 -1 1 -1 -1 -1
3 20 oops
`

describe('causeway simulate', () => {
  let folder = ''
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'causeway-simulate-'))
    await writeFile(join(folder, 'a.yaml'), policy)
    await writeFile(join(folder, 'b.yaml'), policy.replace('maximum: 1', 'maximum: 2'))
    await writeFile(join(folder, 'jobs.swf'), swf)
  })
  after(() => rm(folder, { recursive: true, force: true }))

  function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    const main = join(import.meta.dirname, '../../src/main.ts')
    return new Promise((resolve) => {
      execFile(process.execPath, [main, 'simulate', ...args], { cwd: folder }, (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr })
      })
    })
  }

  function cells(stdout: string, title: string): string[] {
    const line = stdout.split('\n').find((candidate) => candidate.startsWith(`${title}  `)) ?? ''
    return line.slice(title.length).trim().split(/ {2,}/)
  }

  it('shows policies side by side, and names broken lines', async () => {
    const { code, stdout, stderr } = await run('--policy', 'a.yaml', '--compare', 'b.yaml', '--trace', 'jobs.swf')
    assert.equal(code, 0, stderr)
    assert.match(stdout, /^ +a\.yaml +b\.yaml$/m)
    assert.deepEqual(cells(stdout, 'jobs finished'), ['2', '2'])
    // A boot and the second in which wake-ups are gathered: 100 s at east, 50 s at west.
    assert.deepEqual(cells(stdout, 'wait longest'), ['1m 40s', '1m 40s'])
    assert.deepEqual(cells(stdout, 'wait mean'), ['1m 15s', '1m 40s'])
    assert.match(stderr, /jobs.*:4: /)
    assert.match(stderr, /broken lines: 1/)
  })

  it('lets Causeway choose the nodes if told so', async () => {
    const { code, stdout } = await run('--policy', 'a.yaml', '--trace', 'jobs.swf', '--places', 'causeway')
    assert.equal(code, 0)
    assert.deepEqual(cells(stdout, 'wait mean'), ['1m 15s'])
  })

  it('writes a report as JSON and as a page', async () => {
    const { code } = await run('--policy', 'a.yaml', '--trace', 'jobs.swf', '--json', 'r.json', '--html', 'r.html')
    assert.equal(code, 0)
    const report = JSON.parse(await readFile(join(folder, 'r.json'), 'utf8')) as { runs: { finished: number }[] }
    assert.deepEqual(
      report.runs.map(({ finished }) => finished),
      [2],
    )
    assert.match(await readFile(join(folder, 'r.html'), 'utf8'), /<svg/)
  })

  it('ends with 2 at a broken line, if told so, at a wrong policy, and at settings without a meaning', async () => {
    await writeFile(join(folder, 'wrong.yaml'), policy.replace('maximum: 1', 'minimum: 3, maximum: 1'))
    for (const [args, text] of [
      [['--policy', 'a.yaml', '--trace', 'jobs.swf', '--on-bad', 'fail'], /jobs\.swf:4: /],
      [['--policy', 'wrong.yaml', '--trace', 'jobs.swf'], /wrong\.yaml:2:/],
      [['--policy', 'a.yaml', '--trace', 'lublin:size=3'], /"size=3" is no setting/],
      [['--policy', 'a.yaml', '--trace', 'lublin:jobs=0.5'], /jobs/],
      [['--policy', 'a.yaml', '--trace', 'jobs.swf', '--start', 'tomorrow'], /--start/],
      [['--policy', 'a.yaml', '--trace', 'jobs.swf', '--seed', '-1'], /--seed/],
    ] as const) {
      const { code, stderr } = await run(...args)
      assert.equal(code, 2, args.join(' '))
      assert.match(stderr, text)
    }
  })
})

describe('openTrace', () => {
  it('draws the same trace for the same settings, of either kind', async () => {
    const trace = await openTrace('lublin:jobs=20,nodes=8,seed=3,load=0.5')
    assert.equal(trace.jobs.length, 20)
    assert.ok(trace.jobs.every(({ nodeCount }) => nodeCount <= 8))
    assert.deepEqual(await openTrace('lublin-feitelson:jobs=20,nodes=8,seed=3,load=0.5'), trace)
    assert.equal((await openTrace('bursts:jobs=7')).jobs.length, 7)
  })

  it('lets a trace begin when it is told', async () => {
    const startedAtMs = Date.UTC(2026, 2, 1)
    assert.equal((await openTrace('bursts:jobs=7', { startedAtMs })).startedAtMs, startedAtMs)
  })
})
