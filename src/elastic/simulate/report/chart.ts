import { escaped } from './escape.ts'
import { type Tick, timeTicks, valueTicks } from './ticks.ts'

/** A curve, or the area under it: points in ms and in the chart's unit. `step`: a value holds until the next point. */
export interface Curve {
  /** Said when one points at it. */
  readonly title: string
  /** The class that gives it its colour. */
  readonly style: string
  readonly x: readonly number[]
  readonly y: readonly number[]
  /** Where the area below it ends, for each point; null: a line without an area. */
  readonly base: readonly number[] | null
  readonly step: boolean
}

/** One plot over time. Sizes in px. */
export interface Chart {
  readonly title: string
  readonly description: string
  /** Of the values, for the axis: `nodes`. */
  readonly unit: string
  readonly width: number
  readonly height: number
  /** Ends of the axes: ms, and values. They are rounded up to a mark. */
  readonly maxMs: number
  readonly maxValue: number
  readonly curves: readonly Curve[]
}

const margin = { left: 56, right: 12, top: 22, bottom: 24 }
const pxPerTimeTick = 80
const pxPerValueTick = 36

/** The chart as an SVG element, in px of its own that grow and shrink with its width on the page; titled for screen readers. */
export function chartSvg(chart: Chart): string {
  const { width, height } = chart
  const [plotWidth, plotHeight] = [width - margin.left - margin.right, height - margin.top - margin.bottom]
  const marks = valueTicks(chart.maxValue, Math.max(2, Math.floor(plotHeight / pxPerValueTick)))
  const top = marks.at(-1)?.at ?? 1
  const maxMs = Math.max(1, chart.maxMs)
  const px = (ms: number) => round(margin.left + (ms / maxMs) * plotWidth)
  const py = (value: number) => round(margin.top + plotHeight - (value / top) * plotHeight)
  const times = timeTicks(maxMs, Math.max(2, Math.floor(plotWidth / pxPerTimeTick)))
  return [
    `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(`${chart.title}. ${chart.description}`)}">`,
    `<title>${escaped(chart.title)}</title>`,
    `<desc>${escaped(chart.description)}</desc>`,
    ...marks.map((tick) => valueMark(tick, py(tick.at), width)),
    ...times.map((tick) => timeMark(tick, px(tick.at), margin.top + plotHeight)),
    `<text class="unit" x="${margin.left}" y="12">${escaped(chart.unit)}</text>`,
    ...chart.curves.map((curve) => curvePath(curve, px, py)),
    '</svg>',
  ].join('\n')
}

function valueMark({ text }: Tick, y: number, width: number): string {
  return (
    `<line class="grid" x1="${margin.left}" x2="${width - margin.right}" y1="${y}" y2="${y}"/>` +
    `<text class="value" x="${margin.left - 6}" y="${round(y + 4)}">${text}</text>`
  )
}

function timeMark({ text }: Tick, x: number, bottom: number): string {
  return (
    `<line class="tick" x1="${x}" x2="${x}" y1="${bottom}" y2="${bottom + 4}"/>` +
    `<text class="time" x="${x}" y="${bottom + 17}">${text}</text>`
  )
}

type Scale = (value: number) => number

function curvePath(curve: Curve, px: Scale, py: Scale): string {
  const kind = curve.base ? 'area' : 'line'
  const upper = trail(curve.x, curve.y, curve.step, px, py)
  const lower = curve.base ? trail(curve.x, curve.base, curve.step, px, py).toReversed() : []
  const d = pathOf([...upper, ...lower]) + (curve.base ? 'Z' : '')
  return `<path class="${kind} ${escaped(curve.style)}" d="${d}"><title>${escaped(curve.title)}</title></path>`
}

/** The corners of a curve in px, those on one straight horizontal or vertical left out. */
function trail(x: readonly number[], y: readonly number[], step: boolean, px: Scale, py: Scale): [number, number][] {
  const corners: [number, number][] = []
  const add = (corner: [number, number]) => {
    const [before, last] = [corners.at(-2), corners.at(-1)]
    const straight = (axis: 0 | 1) => before && last && before[axis] === last[axis] && last[axis] === corner[axis]
    const between = (axis: 0 | 1) => before && last && (last[axis] - before[axis]) * (corner[axis] - last[axis]) >= 0
    if ((straight(1) && between(0)) || (straight(0) && between(1))) corners.pop()
    corners.push(corner)
  }
  for (const [i, at] of x.entries()) {
    const point: [number, number] = [px(at), py(y[i] ?? 0)]
    const last = corners.at(-1)
    if (step && last) add([point[0], last[1]])
    add(point)
  }
  return corners
}

/** The shortest way to write a path: horizontals and verticals name one number. */
function pathOf(corners: readonly (readonly [number, number])[]): string {
  let path = ''
  let last: readonly [number, number] | null = null
  for (const corner of corners) {
    const [x, y] = corner
    if (!last) path += `M${x} ${y}`
    else if (last[1] === y) path += `H${x}`
    else if (last[0] === x) path += `V${y}`
    else path += `L${x} ${y}`
    last = corner
  }
  return path
}

/** To a tenth of a px. */
function round(value: number): number {
  return Math.round(value * 10) / 10
}
