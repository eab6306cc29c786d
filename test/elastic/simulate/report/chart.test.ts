import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Chart, type Curve, chartSvg } from '../../../../src/elastic/simulate/report/chart.ts'
import { all, parseXml } from './xml.ts'

function draw(curve: Pick<Curve, 'x' | 'y'> & Partial<Curve>, changes: Partial<Chart> = {}): string {
  const svg = parseXml(
    chartSvg({
      title: 'Nodes',
      description: 'at most 10',
      unit: 'nodes',
      width: 168,
      height: 146,
      maxMs: 100_000,
      maxValue: 10,
      curves: [{ title: 'one', style: 'p0', base: null, step: false, ...curve }],
      ...changes,
    }),
  )
  return all(svg, 'path')[0]?.attributes.get('d') ?? ''
}

// The plot is 100 px wide from 56 on, and 100 px high from 22 on: a px is a second across, and a tenth of a node down.
describe('chartSvg', () => {
  it('draws a line from point to point', () => {
    assert.equal(draw({ x: [0, 50_000, 100_000], y: [0, 10, 5] }), 'M56 122L106 22L156 72')
  })

  it('holds values in steps, and leaves out points on the way', () => {
    const x = [0, 10_000, 20_000, 50_000, 100_000]
    assert.equal(draw({ x, y: [2, 2, 2, 6, 6], step: true }), 'M56 102H106V62H156')
  })

  it('keeps a peak that goes up and down within a px', () => {
    assert.equal(draw({ x: [0, 50_000, 50_001, 100_000], y: [0, 10, 0, 0], step: true }), 'M56 122H106V22V122H156')
    assert.equal(draw({ x: [0, 50_000, 50_001, 50_002], y: [0, 10, 0, 4] }), 'M56 122L106 22V122V82')
  })

  it('closes an area along its lower edge', () => {
    assert.equal(draw({ x: [0, 100_000], y: [5, 10], base: [0, 5] }), 'M56 72L156 22V72L56 122Z')
  })
})
