import type { Alternatives, Need, Package } from '../formats/format.ts'
import type { Slices } from './slices.ts'

/** What is wanted of a repository. */
export interface Wish {
  /** Packages by name. */
  readonly names: readonly string[]
  /** Names of packages that are there already: neither they nor what they need is listed. */
  readonly installed: readonly string[]
  /** Whether Recommends count as dependencies. */
  readonly recommends: boolean
  /** The format's own, see `Format.compareVersions`. */
  readonly compareVersions: (a: string, b: string) => number
}

/** What has to be fetched for a wish. */
export interface Resolved {
  /** Each once, in the order in which they were found to be needed: what was wished for in front. */
  readonly packages: readonly Package[]
  /** What nothing satisfies, and the name of the package that needs it (undefined: it was wished for). */
  readonly missing: readonly { readonly name: string; readonly neededBy: string | undefined }[]
}

/**
 * The packages that installing some would bring: what they depend on, and what that depends on.
 *
 * Of each relation the first name is taken that can be had, unless another of them is chosen already; of several packages of that name
 * the newest that fits. Only if there is none of the name, one that provides it. Conflicts are not looked at: this says what is worth
 * fetching, the node's own package manager decides. A recommended package that can't be had is no one's loss.
 * @param named The packages that have a name or provide it, see `Catalogue.named`.
 * @param slices A thousand packages take half a second: others have their turn in between.
 */
export async function resolve(
  wish: Wish,
  named: (name: string) => readonly Package[],
  slices: Pick<Slices, 'next'>,
): Promise<Resolved> {
  const choice = new Choice(wish, named, slices)
  // What is there has what it needs, whatever the index may say of it by now. What only provides the name is not there.
  const indexed: string[] = []
  for (const name of wish.installed) {
    await slices.next()
    if (named(name).some((one) => one.name === name)) indexed.push(name)
  }
  await choice.add(indexed.map((name) => ({ alternatives: [{ name, constraint: undefined }], neededBy: undefined })))
  const there = new Set(choice.chosen)
  choice.missing.length = 0
  await choice.add(wish.names.map((name) => ({ alternatives: [{ name, constraint: undefined }], neededBy: undefined })))
  return { packages: [...choice.chosen].filter((chosen) => !there.has(chosen)), missing: choice.missing }
}

interface Asked {
  readonly alternatives: Alternatives
  readonly neededBy: string | undefined
  readonly optional?: boolean
}

class Choice {
  readonly chosen = new Set<Package>()
  readonly missing: { name: string; neededBy: string | undefined }[] = []
  readonly #wish: Wish
  readonly #named: (name: string) => readonly Package[]
  readonly #slices: Pick<Slices, 'next'>
  /** The chosen packages by the names that they have or provide. */
  readonly #byName = new Map<string, Package[]>()
  readonly #installed: ReadonlySet<string>

  constructor(wish: Wish, named: (name: string) => readonly Package[], slices: Pick<Slices, 'next'>) {
    this.#wish = wish
    this.#named = named
    this.#slices = slices
    this.#installed = new Set(wish.installed)
  }

  /** Chooses what satisfies some relations, then what those packages need, and so on: by distance from what was asked. */
  async add(asked: readonly Asked[]): Promise<void> {
    const queue = [...asked]
    for (let at = 0; at < queue.length; at += 1) {
      await this.#slices.next()
      const { alternatives, neededBy, optional } = queue[at] as Asked
      if (alternatives.some((need) => this.#satisfies(need))) continue
      const found = this.#choose(alternatives)
      if (found) {
        this.#take(found)
        for (const depends of found.depends) queue.push({ alternatives: depends, neededBy: found.name })
        if (!this.#wish.recommends) continue
        for (const weak of found.recommends) queue.push({ alternatives: weak, neededBy: found.name, optional: true })
      } else if (optional !== true) {
        const name = alternatives[0]?.name ?? ''
        if (!this.missing.some((other) => other.name === name)) this.missing.push({ name, neededBy })
      }
    }
  }

  #satisfies(need: Need): boolean {
    // Of an installed package that the index doesn't have the version is not known.
    const chosen = this.#byName.get(need.name)
    if (!chosen) return this.#installed.has(need.name) && this.#named(need.name).every(({ name }) => name !== need.name)
    return chosen.some((one) => fits(one, need, this.#wish.compareVersions))
  }

  #choose(alternatives: Alternatives): Package | undefined {
    const { compareVersions } = this.#wish
    for (const need of alternatives) {
      const fitting = this.#named(need.name).filter((one) => fits(one, need, compareVersions))
      const own = fitting.filter(({ name }) => name === need.name)
      const newest = own.reduce<Package | undefined>(
        (best, one) => (best && compareVersions(best.version, one.version) >= 0 ? best : one),
        undefined,
      )
      const found = newest ?? fitting[0]
      if (found) return found
    }
    return undefined
  }

  #take(found: Package): void {
    this.chosen.add(found)
    for (const name of [found.name, ...found.provides.map((provided) => provided.name)]) {
      const others = this.#byName.get(name)
      if (others) others.push(found)
      else this.#byName.set(name, [found])
    }
  }
}

/** Whether a package satisfies a need: by its own name and version, or by one that it provides. */
function fits(one: Package, { name, constraint }: Need, compare: Wish['compareVersions']): boolean {
  if (one.name === name && meets(one.version, constraint, compare)) return true
  return one.provides.some(
    (provided) =>
      provided.name === name &&
      (constraint === undefined || (provided.version !== undefined && meets(provided.version, constraint, compare))),
  )
}

function meets(version: string, constraint: string | undefined, compare: Wish['compareVersions']): boolean {
  if (constraint === undefined) return true
  const space = constraint.indexOf(' ')
  const difference = compare(version, constraint.slice(space + 1))
  switch (constraint.slice(0, space)) {
    case '<<':
      return difference < 0
    case '<=':
      return difference <= 0
    case '=':
      return difference === 0
    case '>=':
      return difference >= 0
    default:
      return difference > 0
  }
}
