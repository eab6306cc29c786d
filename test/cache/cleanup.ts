import type { TestContext } from 'node:test'

type Undo = () => unknown

const undos = new WeakMap<TestContext, Undo[]>()

/** Undoes something when the test ends, pass or fail: last made, first undone, each one whatever became of the others. */
export function atEnd(t: TestContext, undo: Undo): void {
  const known = undos.get(t)
  if (known) {
    known.push(undo)
    return
  }
  const stack = [undo]
  undos.set(t, stack)
  t.after(async () => {
    const errors: unknown[] = []
    for (const each of stack.toReversed()) {
      try {
        await each()
      } catch (error) {
        errors.push(error)
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, 'the test could not be cleaned up')
  })
}
