import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { reportHtml } from '../../../../src/elastic/simulate/report/html.ts'
import { reportJson } from '../../../../src/elastic/simulate/report/json.ts'
import { metricsOf } from '../../../../src/elastic/simulate/report/metrics.ts'
import { comparisonTable, sitesTable } from '../../../../src/elastic/simulate/report/table.ts'
import type { SimulationResult } from '../../../../src/elastic/simulate/result.ts'
import { jobOutcome, lifeOutcome, sample, simulationResult } from './sample-results.ts'
import { all, type Element, parseXml } from './xml.ts'

const hourMs = 3_600_000

const samples = [
  sample({ atMs: 0, pendingJobs: 2, pendingNodes: 5, nodes: { east: { coming: 3, busy: 0, idle: 1, leaving: 0 } } }),
  sample({
    atMs: hourMs,
    pendingJobs: 1,
    pendingNodes: 1,
    nodes: { east: { coming: 0, busy: 4, idle: 0, leaving: 0 } },
    cost: 2,
  }),
  sample({ atMs: 2 * hourMs, runningJobs: 1, nodes: { west: { coming: 0, busy: 1, idle: 0, leaving: 2 } }, cost: 6 }),
]
const good = simulationResult({ policy: 'good', samples })
const dear = simulationResult({
  policy: 'dear',
  samples: samples.map((one) => ({ ...one, cost: one.cost * 2 })),
  jobs: [jobOutcome(), jobOutcome({ id: '2', startMs: null, endMs: null, sites: [] })],
  lives: [lifeOutcome({ site: 'west', cost: 12 })],
})

/** The corners of a path, whichever commands it is written with. */
function corners(d: string): [number, number][] {
  const points: [number, number][] = []
  let [x, y] = [0, 0]
  for (const [, command, numbers] of d.matchAll(/([MLHVZ])([^MLHVZ]*)/g)) {
    const [a, b] = (numbers ?? '').trim().split(' ').map(Number)
    if (command === 'Z') continue
    if (command !== 'V') x = a ?? Number.NaN
    if (command === 'V') y = a ?? Number.NaN
    else if (command !== 'H') y = b ?? Number.NaN
    assert.ok(Number.isFinite(x) && Number.isFinite(y), d)
    points.push([x, y])
  }
  return points
}

function titleOf(element: Element): string {
  return element.children.find((child) => child.name === 'title')?.text ?? ''
}

/** The plots by their titles. */
function plots(page: Element): Map<string, Element> {
  return new Map(all(page, 'figure').map((figure) => [titleOf(all(figure, 'svg')[0] ?? page), figure]))
}

/** The y in px of a plot's marks, by what they say. */
function marks(plot: Element): Map<string, number> {
  const texts = all(plot, 'text').filter((text) => text.attributes.get('class') === 'value')
  const lines = all(plot, 'line').filter((line) => line.attributes.get('class') === 'grid')
  return new Map(texts.map((text, i) => [text.text, Number(lines[i]?.attributes.get('y1'))]))
}

describe('reportHtml', () => {
  const page = parseXml(reportHtml([good, dear], { bad: [], leftOut: [{ why: 'never ran', jobs: 1234 }] }))

  it('is a page that needs nothing from elsewhere', () => {
    const source = reportHtml([good, dear])
    assert.equal(all(page, 'script').length + all(page, 'link').length + all(page, 'img').length, 0)
    assert.doesNotMatch(source.replace('xmlns="http://www.w3.org/1999/xhtml"', ''), /https?:|url\(|@import|src=|href=/)
    assert.match(source, /prefers-color-scheme: dark/)
  })

  it('has a plot for each number, and for each site and policy', () => {
    assert.deepEqual(
      [...plots(page).keys()],
      [
        'Pending jobs',
        'Nodes asked for by pending jobs',
        'Running jobs',
        'Cost so far',
        'east, good',
        'east, dear',
        'west, good',
        'west, dear',
      ],
    )
  })

  it('says what each plot shows to those who do not see it', () => {
    for (const svg of all(page, 'svg').filter((one) => one.attributes.get('aria-hidden') !== 'true')) {
      assert.equal(svg.attributes.get('role'), 'img')
      assert.ok(svg.attributes.get('aria-label')?.startsWith(titleOf(svg)))
    }
    const cost = plots(page).get('Cost so far')
    assert.ok(cost)
    assert.match(all(cost, 'desc')[0]?.text ?? '', /good: at most 6\.00 .*dear: at most 12\.00/)
  })

  it('draws lines through what the samples say', () => {
    const plot = plots(page).get('Nodes asked for by pending jobs')
    assert.ok(plot)
    const at = marks(plot)
    const [five, one, zero] = [at.get('5'), at.get('1'), at.get('0')]
    assert.ok(five !== undefined && one !== undefined && zero !== undefined && five < one && one < zero)
    const paths = all(plot, 'path')
    assert.deepEqual(paths.map(titleOf), ['good', 'dear'])
    const drawn = corners(paths[0]?.attributes.get('d') ?? '')
    const [left, middle, right] = [drawn[0]?.[0] ?? 0, drawn[1]?.[0] ?? 0, drawn.at(-1)?.[0] ?? 0]
    assert.equal(middle, (left + right) / 2)
    assert.deepEqual(drawn, [
      [left, five],
      [middle, five],
      [middle, one],
      [right, one],
      [right, zero],
    ])
  })

  it('stacks the states of nodes', () => {
    const plot = plots(page).get('east, good')
    assert.ok(plot)
    const at = marks(plot)
    const paths = all(plot, 'path')
    assert.deepEqual(paths.map(titleOf), ['busy', 'idle', 'coming', 'leaving'])
    const heights = paths.map((path) => {
      const ys = corners(path.attributes.get('d') ?? '').map(([, y]) => y)
      return [Math.min(...ys), Math.max(...ys)]
    })
    const [zero, four] = [at.get('0'), at.get('4')]
    assert.ok(zero !== undefined && four !== undefined)
    const node = (zero - four) / 4
    assert.deepEqual(heights[0], [four, zero], 'busy reaches 4 from the ground')
    assert.deepEqual(heights[1], [four, zero], 'idle lies on it: from 0 to 1 first, then on 4')
    const coming = corners(paths[2]?.attributes.get('d') ?? '')
    assert.ok(Math.abs((coming[0]?.[1] ?? 0) - four) < 0.2, 'coming reaches 4 at first')
    assert.ok(Math.abs((coming.at(-1)?.[1] ?? 0) - (zero - node)) < 0.2, 'and lies on the idle one')
  })

  it('gives all policies the same scale', () => {
    const [one, other] = [plots(page).get('west, good'), plots(page).get('west, dear')]
    assert.ok(one && other)
    assert.deepEqual(marks(one), marks(other))
  })

  it('shows the tables', () => {
    const rows = all(page, 'tr').map((row) => row.children.map((cell) => cell.text))
    assert.deepEqual(rows[0], ['', 'good', 'dear'])
    const find = (title: string) => rows.find(([first]) => first === title)
    assert.deepEqual(find('jobs unfinished'), ['jobs unfinished', '0', '1'])
    assert.deepEqual(find('wait median'), ['wait median', '10 s', '1h 00m'])
    assert.deepEqual(find('cost'), ['cost', '0.50', '12.00'])
    assert.ok(all(page, 'p').some((p) => p.text.includes('left out: 1,234 (never ran)')))
  })

  it('escapes every text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', minLength: 1 }),
        fc.constantFrom('', '<script>alert(1)</script>', `"'&]]>`, '\ud800', '\u0000\u001b\uffff'),
        (a, b) => {
          const text = `${a}${b}`
          const nodes = { [text]: { coming: 1, busy: 1, idle: 1, leaving: 1 } }
          const evil = simulationResult({
            policy: text,
            trace: text,
            jobs: [jobOutcome({ sites: [text] })],
            lives: [lifeOutcome({ site: text })],
            samples: [sample({ nodes }), sample({ atMs: 5, nodes })],
          })
          const page = parseXml(reportHtml([evil], { bad: [], leftOut: [{ why: text, jobs: 1 }] }))
          assert.equal(all(page, 'script').length, 0)
          assert.equal(all(page, 'th')[0]?.text.length, text.length)
        },
      ),
      { numRuns: 50 },
    )
    assert.match(reportHtml([simulationResult({ policy: '<script>' })]), /&lt;script&gt;/)
  })

  it('copes with nothing, and with a single sample', () => {
    for (const odd of [
      [],
      [simulationResult({ jobs: [], lives: [], samples: [], endedMs: 0 })],
      [simulationResult({ samples: [sample({ nodes: { east: { coming: 0, busy: 0, idle: 0, leaving: 0 } } })] })],
    ]) {
      const source = reportHtml(odd)
      parseXml(source)
      assert.doesNotMatch(source, /NaN|Infinity|undefined/)
    }
  })

  it('stays small and keeps peaks whatever the number of samples', () => {
    const many = Array.from({ length: 20_000 }, (_, i) => {
      const pendingNodes = i === 12_345 ? 977 : i % 5
      return sample({
        atMs: i * 1000,
        pendingNodes,
        nodes: { east: { coming: i % 3, busy: i % 7, idle: 1, leaving: 0 } },
      })
    })
    const result = simulationResult({ samples: many, endedMs: 20_000_000 })
    const source = reportHtml([result])
    assert.ok(source.length < 500_000, `${source.length} characters`)
    const plot = plots(parseXml(source)).get('Nodes asked for by pending jobs')
    assert.ok(plot)
    const points = corners(all(plot, 'path')[0]?.attributes.get('d') ?? '')
    assert.ok(points.length <= 2 * 1500)
    const [zero, thousand] = [marks(plot).get('0') ?? 0, marks(plot).get('1000') ?? 0]
    const peak = Math.min(...points.map(([, y]) => y))
    assert.ok(Math.abs(peak - (zero - (977 / 1000) * (zero - thousand))) < 0.1)

    const [run] = reportJson([result]).runs
    assert.ok(run && run.samples.length <= 1500)
    assert.ok(run.samples.some((one) => one.pendingNodes === 977))
  })
})

describe('tables', () => {
  const runs: readonly SimulationResult[] = [good, dear]

  it('have rows as long as their head', () => {
    for (const { head, rows } of [comparisonTable(runs.map(metricsOf)), sitesTable(runs.map(metricsOf))]) {
      for (const row of rows) assert.equal(row.length, head.length)
    }
  })

  it('have a row for each policy and site', () => {
    const { rows } = sitesTable(runs.map(metricsOf))
    assert.deepEqual(
      rows.map(([policy, site, jobs]) => [policy, site, jobs]),
      [
        ['good', 'east', '1'],
        ['dear', 'east', '1'],
        ['dear', 'west', '0'],
      ],
    )
  })
})

describe('reportJson', () => {
  it('survives being written and read, with the numbers of metricsOf', () => {
    const notes = { bad: [{ line: 3, text: 'x', why: 'y' }], leftOut: [{ why: 'never ran', jobs: 2 }] }
    const report = reportJson([good, dear], notes)
    assert.deepEqual(JSON.parse(JSON.stringify(report)), report)
    assert.deepEqual(report.trace, notes)
    const [{ samples: kept, ...metrics } = { samples: [] }] = report.runs
    assert.deepEqual(metrics, metricsOf(good))
    assert.deepEqual(kept, good.samples)
  })
})
