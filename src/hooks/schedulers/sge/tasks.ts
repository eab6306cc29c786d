/** Elements of an array, as Grid Engine writes them: `FIRST-LAST:STEP`. */
interface Range {
  readonly first: number
  readonly last: number
  readonly step: number
}

/** How many elements `3`, `3-9:2` or `3,5-7:1` has. */
export function countTasks(tasks: string): number {
  return rangesOf(tasks).reduce((sum, range) => sum + countRange(range), 0)
}

/** The first `count` elements, and the rest; '' for none. */
export function splitTasks(tasks: string, count: number): [first: string, rest: string] {
  const first: Range[] = []
  const rest: Range[] = []
  let room = count
  for (const range of rangesOf(tasks)) {
    const has = countRange(range)
    const taken = Math.max(0, Math.min(has, room))
    room -= taken
    const border = range.first + taken * range.step
    if (taken > 0) first.push({ ...range, last: border - range.step })
    if (taken < has) rest.push({ ...range, first: border })
  }
  return [write(first), write(rest)]
}

/**
 * A job as the arguments of Grid Engine's commands: `5.3-9:2,12` of the snapshot is `5.3-9:2` and `5.12` there, where a comma stands
 * between jobs.
 */
export function jobArguments(id: string): string[] {
  const [number = '', ...tasks] = id.split('.')
  return tasks.length === 0
    ? [number]
    : tasks
        .join('.')
        .split(',')
        .map((part) => `${number}.${part}`)
}

function rangesOf(tasks: string): Range[] {
  return tasks.split(',').map((item) => {
    const [ends = '', step = '1'] = item.split(':')
    const [first = '', last = first] = ends.split('-')
    return { first: Number(first), last: Number(last), step: Math.max(1, Number(step)) }
  })
}

function countRange({ first, last, step }: Range): number {
  return Math.max(0, Math.floor((last - first) / step) + 1)
}

function write(ranges: readonly Range[]): string {
  return ranges.map(({ first, last, step }) => (first === last ? `${first}` : `${first}-${last}:${step}`)).join(',')
}
