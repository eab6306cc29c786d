let turn: Promise<void> | undefined

/** Resolves once the event loop has looked at what else there is to do; one timer for all who ask in the same turn. */
export function nextTurn(): Promise<void> {
  turn ??= new Promise((resolve) => {
    setImmediate(() => {
      turn = undefined
      resolve()
    })
  })
  return turn
}
