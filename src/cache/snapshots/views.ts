/** What a client got last of a suite, or was promised. */
interface View {
  readonly id: string
  readonly atMs: number
}

/** Clients times suites that are remembered; beyond it those go that asked longest ago. */
const most = 20_000

/** Which version of each suite each client got last: what it asks for next has to fit. Pure bookkeeping. */
export class Views {
  readonly #views = new Map<string, View>()
  readonly #lifeMs: number

  /** @param lifeMs For how long it counts, milliseconds. */
  constructor(lifeMs: number) {
    this.#lifeMs = lifeMs
  }

  /** The version that a client got, if lately. */
  seen(client: string, line: string, nowMs: number): string | undefined {
    const view = this.#views.get(`${client} ${line}`)
    return view && this.#isRecent(view, nowMs) ? view.id : undefined
  }

  saw(client: string, line: string, id: string, atMs: number): void {
    const key = `${client} ${line}`
    this.#views.delete(key)
    this.#views.set(key, { id, atMs })
    if (this.#views.size <= most) return
    const [oldest] = this.#views.keys()
    if (oldest !== undefined) this.#views.delete(oldest)
  }

  forget(client: string, line: string): void {
    this.#views.delete(`${client} ${line}`)
  }

  /** The versions that some client may still ask for; what is too long ago is dropped on the way. */
  inSight(nowMs: number): ReadonlySet<string> {
    const ids = new Set<string>()
    for (const [key, view] of this.#views) {
      if (this.#isRecent(view, nowMs)) ids.add(view.id)
      else this.#views.delete(key)
    }
    return ids
  }

  /** A clock that was set back makes it recent, never old. */
  #isRecent({ atMs }: View, nowMs: number): boolean {
    return nowMs - atMs < this.#lifeMs
  }
}
