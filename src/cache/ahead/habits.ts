/** Packages that clients install together, by `NAME/ARCHITECTURE` in the order in which they were asked for. */
export interface Habit {
  /** For each package how many installs ago it was seen last; 0: in the last one. */
  readonly packages: ReadonlyMap<string, number>
}

/** What one client asks for within one install. */
interface Install {
  readonly host: string
  readonly packages: Set<string>
  lastMs: number
  /** The habit that was recognised in it: it is brought once. */
  recognised: boolean
}

/** Without a request for so long an install is over, ms. */
const overAfterMs = 60_000

/** With fewer packages nothing can be recognised, and nothing is worth it. */
const leastPackages = 3

/** How exactly the order of installs by their last request is kept, ms: a busy client's is not moved with each request. */
const exactMs = 1000

/** How many habits of an origin are kept, and packages of each. */
const mostHabits = 32
const mostPackages = 2000

/** Clients whose installs are followed at once. */
const mostInstalls = 1024

/** A package that so many installs in a row did without is no longer part of it. */
const forgottenAfter = 3

/** The share of an install's packages that a habit must have to be the one. */
const share = 0.9

/**
 * Learns what is installed together by watching, and recognises it when it begins again. Pure but for what it remembers:
 * times are passed in.
 */
export class Habits {
  readonly #installs = new Map<string, Install>()
  readonly #habits = new Map<string, Habit[]>()
  #settledMs = 0
  readonly #onLearned: (host: string, habits: readonly Habit[]) => void

  /** @param onLearned Told the habits of an origin when they have changed. */
  constructor(onLearned: (host: string, habits: readonly Habit[]) => void = () => undefined) {
    this.#onLearned = onLearned
  }

  /** What was learned in an earlier life. */
  restore(host: string, habits: readonly Habit[]): void {
    this.#habits.set(host, [...habits])
  }

  of(host: string): readonly Habit[] {
    return this.#habits.get(host) ?? []
  }

  /**
   * A client asks for a package.
   * @returns the packages that it will ask for next, when that has just become clear
   */
  asked(client: string, host: string, name: string, nowMs: number): readonly string[] | undefined {
    if (Math.abs(nowMs - this.#settledMs) >= exactMs) this.settle(nowMs)
    const slot = `${client} ${host}`
    const known = this.#installs.get(slot)
    const install = known ?? { host, packages: new Set(), lastMs: nowMs, recognised: false }
    if (!known || Math.abs(nowMs - install.lastMs) >= exactMs) {
      // The last one asked is the last one in the map: `settle` looks at the first ones only.
      this.#installs.delete(slot)
      this.#installs.set(slot, install)
      install.lastMs = nowMs
      if (this.#installs.size > mostInstalls) this.#endFirst()
    }
    if (install.packages.size < mostPackages) install.packages.add(name)
    if (install.recognised || install.packages.size < leastPackages) return undefined
    const habit = this.#recognise(install)
    if (!habit) return undefined
    install.recognised = true
    return [...habit.packages.keys()].filter((one) => !install.packages.has(one))
  }

  /** Learns from the installs that are over. */
  settle(nowMs: number): void {
    this.#settledMs = nowMs
    for (const { lastMs } of this.#installs.values()) {
      // A clock that was set back ends them, too.
      if (Math.abs(nowMs - lastMs) < overAfterMs) return
      this.#endFirst()
    }
  }

  /** Learns from all installs as they are. */
  close(): void {
    while (this.#installs.size > 0) this.#endFirst()
  }

  #endFirst(): void {
    const [first] = this.#installs
    if (!first) return
    const [slot, install] = first
    this.#installs.delete(slot)
    if (install.packages.size >= leastPackages) this.#learn(install)
  }

  #recognise({ host, packages }: Install): Habit | undefined {
    let best: { readonly habit: Habit; readonly common: number } | undefined
    for (const habit of this.of(host)) {
      const common = inCommon(packages, habit)
      if (common >= share * packages.size && (!best || common > best.common)) best = { habit, common }
    }
    return best?.habit
  }

  /** It becomes the newest: renewed, where most of it was seen before, or new. */
  #learn({ host, packages }: Install): void {
    const habits = [...this.of(host)]
    const at = habits.findIndex((habit) => {
      const common = inCommon(packages, habit)
      return common >= 0.5 * Math.min(packages.size, habit.packages.size)
    })
    const [before] = at === -1 ? [] : habits.splice(at, 1)
    habits.unshift(renewed(before, packages))
    this.#habits.set(host, habits.slice(0, mostHabits))
    this.#onLearned(host, this.of(host))
  }
}

function inCommon(packages: ReadonlySet<string>, habit: Habit): number {
  let common = 0
  for (const name of packages) if (habit.packages.has(name)) common += 1
  return common
}

/** The install, and behind it what earlier ones had besides: a client may have had some packages already. */
function renewed(before: Habit | undefined, packages: ReadonlySet<string>): Habit {
  const all = new Map([...packages].map((name) => [name, 0]))
  for (const [name, missed] of before?.packages ?? []) {
    if (!all.has(name) && missed + 1 < forgottenAfter && all.size < mostPackages) all.set(name, missed + 1)
  }
  return { packages: all }
}
