/** Lets acts run one after the other, in the order in which they were asked for. One that fails keeps no other from its turn. */
export class Turns {
  /** Settles, and never rejects, when all have had their turn. */
  #last: Promise<unknown> = Promise.resolve()

  /** Runs `act` when those before it have ended; settles as it does. */
  inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(act)
    this.#last = turn.catch(() => undefined)
    return turn
  }
}
