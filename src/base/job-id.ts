/**
 * How schedulers write ids of jobs and of arrays' elements: Slurm `12`, `12_3`, `12_[3-9:2,11]`; Grid Engine `12`, `12.3`,
 * `12.5,7-9:1`; Torque `12`, `12[3]`, and `12[]` for the array.
 */
const element = /^(\d+)(?:_\[([0-9,:%-]+)\]|_(\d+)|\.([0-9,:-]+)|\[(\d*)\])$/

/** The array that an id belongs to, `12` of `12_3`; the id itself if it is no element's. */
export function arrayOf(id: string): string {
  return element.exec(id)?.[1] ?? id
}

/** Whether an id stands for elements of an array that are not told apart. */
export function isUnsplitArray(id: string): boolean {
  const [, , slurm, , sge, torque] = element.exec(id) ?? []
  return slurm !== undefined || torque === '' || (sge !== undefined && !/^\d+$/.test(sge))
}

/** The array that is asked for: `12[]` is how Torque's users write it. */
export function arrayAsked(asked: string): string {
  return asked.replace(/\[\]$/, '')
}

/** Whether an id is the one asked for, or an element of the array asked for. */
export function isJobOrElement(id: string, asked: string): boolean {
  return id === asked || arrayOf(id) === arrayAsked(asked)
}

/** The ids of the elements that an id stands for; itself if it is one, or can't be taken apart. */
export function elementsOf(id: string): string[] {
  const [, array = '', slurm, , sge] = element.exec(id) ?? []
  if (slurm !== undefined) return numbersOf(slurm.replace(/%.*/, '')).map((k) => `${array}_${k}`)
  if (sge !== undefined) return numbersOf(sge).map((k) => `${array}.${k}`)
  return [id]
}

/** `3-9:2,11` as numbers. */
function numbersOf(ranges: string): number[] {
  return ranges.split(',').flatMap((range) => {
    const [, first, last = first, step = '1'] = /^(\d+)(?:-(\d+))?(?::(\d+))?$/.exec(range) ?? []
    const numbers: number[] = []
    for (let k = Number(first); k <= Number(last); k += Math.max(1, Number(step))) numbers.push(k)
    return numbers
  })
}
