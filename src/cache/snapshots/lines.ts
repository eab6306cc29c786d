import type { Format, Suite } from '../formats/format.ts'
import type { Origin } from '../origins.ts'
import { Line, type LineDeps } from './line.ts'

export interface LinesDeps extends LineDeps {
  readonly origins: ReadonlyMap<string, Origin>
  readonly formats: readonly Format[]
}

/** The lines of all suites, each read back when it is asked for first. */
export class Lines {
  readonly #deps: LinesDeps
  readonly #loading = new Map<string, Promise<Line>>()
  readonly #loaded = new Map<string, Line>()

  constructor(deps: LinesDeps) {
    this.#deps = deps
  }

  /** The suite that an index belongs to, by its plain path. */
  suiteOf(path: string): { suite: Suite; format: Format } | undefined {
    for (const format of this.#deps.formats) {
      const suite = format.suiteOf(path)
      if (suite) return { suite, format }
    }
    return undefined
  }

  of(origin: Origin, suite: Suite, format: Format): Line | Promise<Line> {
    const name = nameOf(origin, suite)
    const loaded = this.#loaded.get(name)
    if (loaded) return loaded
    const loading = this.#loading.get(name)
    if (loading) return loading
    const begun = this.#load(new Line(origin, suite, format, this.#deps))
    this.#loading.set(name, begun)
    const end = () => this.#loading.delete(name)
    begun.then(end, end)
    return begun
  }

  async #load(line: Line): Promise<Line> {
    await line.load()
    this.#loaded.set(line.name, line)
    return line
  }

  /** The line of a suite, if it was read back already. */
  loaded(origin: Origin, suite: Suite): Line | undefined {
    return this.#loaded.get(nameOf(origin, suite))
  }

  /** Reads back all that was kept. */
  async all(): Promise<readonly Line[]> {
    const { tables, origins } = this.#deps
    for (const { host, suite } of tables.versions()) {
      const origin = origins.get(host)
      const found = this.suiteOf(suite)
      if (origin && found) await this.of(origin, found.suite, found.format)
    }
    return [...this.#loaded.values()]
  }

  /** Forgets all versions but these and those in use, with what only they had, and suites that there are not. */
  async retain(ids: ReadonlySet<string>): Promise<void> {
    let some = false
    for (const [name, line] of this.#loaded) {
      some = (await line.retain(ids)) || some
      if (line.isOver()) this.#loaded.delete(name)
    }
    if (!some) return
    const held = (await this.all()).flatMap((line) => line.held().map((each) => ({ ...each, line })))
    await this.#deps.learner.retain(held.filter(({ line, file }) => line.format.listsPackages(file.path)))
  }

  /** Resolves when no look is under way. */
  async idle(): Promise<void> {
    await Promise.all([...this.#loaded.values()].map((line) => line.idle()))
  }
}

function nameOf({ host }: Origin, { top }: Suite): string {
  return `${host} ${top}`
}
