/** What a client got last of a suite. */
interface View {
  readonly id: string
  readonly atMs: number
}

/** Milliseconds for which a client that got a top index sees what belongs to it. An `apt-get update` takes seconds. */
export const viewMs = 15 * 60_000

/** Clients times suites that are remembered; beyond it those go that asked longest ago. */
const most = 20_000

/** Which version of each suite each client got last: what the others that it asks for have to fit. Pure bookkeeping. */
export class Views {
  readonly #views = new Map<string, View>()

  /** The version that a client got, if lately. */
  seen(client: string, line: string, nowMs: number): string | undefined {
    const view = this.#views.get(`${client} ${line}`)
    return view && isRecent(view, nowMs) ? view.id : undefined
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
      if (isRecent(view, nowMs)) ids.add(view.id)
      else this.#views.delete(key)
    }
    return ids
  }
}

/** A clock that was set back makes it recent, never old. */
function isRecent({ atMs }: View, nowMs: number): boolean {
  return nowMs - atMs < viewMs
}
