import { ByWish } from './by-wish.ts'
import type { Context } from './context.ts'
import { leastEndMs } from './cost.ts'
import type { Job } from './demand.ts'
import { type Bin, hasRoom, livingBins, put, takesWhole } from './pack-bins.ts'
import { joined } from './paths.ts'
import { type TypePolicy, typeKey } from './policy.ts'
import type { Room } from './room.ts'
import { sharesIn, sharesNeeded } from './shares.ts'
import type { Reason } from './steps.ts'

/** What the pending jobs need. */
export interface Packing {
  /** Nodes to begin, with the jobs that each is for. */
  readonly begun: readonly { readonly name: string; readonly type: TypePolicy; readonly jobs: readonly string[] }[]
  /** Living nodes that a pending job is thought onto: the first such job, by node id. */
  readonly needed: ReadonlyMap<string, string>
  /** The one site that all nodes of a job of several are at, by its id. */
  readonly sites: ReadonlyMap<string, string>
  /** Why a job gets no nodes now, by its id. */
  readonly unplaced: ReadonlyMap<string, Reason>
}

/** Ways to place a job, the ones that cost nothing first. */
const passes = ['there', 'living', 'new'] as const
type Pass = (typeof passes)[number]

/** A node that a job is thought onto, and how much of the job. */
interface Place {
  readonly bin: Bin
  readonly shares: number
}

/** What jobs have in common that fit into the same places. */
interface Kind {
  readonly whole: boolean
  readonly usable: readonly TypePolicy[]
  /** By type: bins before this one have no room for such a job, nor will they have in this round. */
  readonly from: Map<string, number>
  /** Set once there is no place for such a job: nor will there be in this round, for one that may run for as long or longer. */
  refusal: Reason | null
  refusedWallMs: number
}

/**
 * Thinks the pending jobs onto nodes, in the queue's order: onto nodes that are there or come, then onto nodes whose drain
 * can be cancelled, then onto new ones of preferred types. All nodes of a job or none. Near linear in jobs and nodes.
 * @param held jobs that are not to run now
 */
export function pack(ctx: Context, room: Room, held: ReadonlyMap<string, Reason>): Packing {
  const packer = new Packer(ctx, room)
  for (const job of ctx.jobs) {
    if (job.state === 'pending' && job.blocked === null && !held.has(job.id)) packer.place(job)
  }
  return packer
}

class Packer implements Packing {
  readonly begun: { name: string; type: TypePolicy; jobs: string[] }[] = []
  readonly needed = new Map<string, string>()
  readonly sites = new Map<string, string>()
  readonly unplaced = new Map<string, Reason>()
  readonly #ctx: Context
  readonly #room: Room
  readonly #bins: Map<string, Bin[]>
  readonly #kinds = new ByWish<Map<number, Kind>>()

  constructor(ctx: Context, room: Room) {
    this.#ctx = ctx
    this.#room = room
    this.#bins = livingBins(ctx, room)
  }

  place(job: Job): void {
    const kind = this.#kindOf(job)
    for (let element = 0; element < job.count; element++) {
      const wallMs = job.wallMs ?? Infinity
      if (!kind.refusal || wallMs < kind.refusedWallMs) {
        kind.refusal = this.#placeOne(job, kind)
        if (!kind.refusal) continue
        // Only a budget asks how long a job may run.
        kind.refusedWallMs = kind.refusal.code === 'OverBudget' ? wallMs : 0
      }
      this.unplaced.set(job.id, kind.refusal)
      return
    }
  }

  #kindOf(job: Job): Kind {
    const kinds = this.#kinds.get(job, () => new Map())
    // Distinct for up to 65 535 nodes and 30 billion slots.
    const key =
      (job.slots ?? 0) * 2 ** 18 + job.nodeCount * 4 + (job.exclusive ? 2 : 0) + (job.anySite === true ? 1 : 0)
    const known = kinds.get(key)
    if (known) return known
    const usable = this.#ctx.usableTypes(job)
    const refusal = this.#impossible(job, usable)
    const kind: Kind = { whole: takesWhole(job), usable, from: new Map(), refusal, refusedWallMs: 0 }
    kinds.set(key, kind)
    return kind
  }

  #impossible(job: Job, usable: readonly TypePolicy[]): Reason | null {
    const facts = { nodeCount: job.nodeCount, perNode: job.perNode, features: job.features }
    if (usable.length === 0) return { code: 'NoTypeFits', text: 'no node type has what it asks for', facts }
    const { spread } = this.#ctx.placementOf(job)
    const sites = sitesOf(usable)
    if (spread === 'must-span' && (sites.length < 2 || job.nodeCount < 2)) {
      return { code: 'NoTypeFits', text: 'it must span sites, and can have nodes in one only', facts }
    }
    const areas = spread === 'one-site' ? sites.map((site) => usable.filter((type) => type.site === site)) : [usable]
    const give = (type: TypePolicy) => type.maximum * sharesIn(type.size, job)
    const most = Math.max(...areas.map((types) => types.reduce((sum, type) => sum + give(type), 0)))
    if (sharesNeeded(job) <= most) return null
    const where = spread === 'one-site' ? 'the largest site' : 'all sites together'
    const [asks, have] =
      job.slots === undefined ? [`${job.nodeCount} nodes`, 'that fit'] : [`${job.slots} slots`, 'for such a job']
    return {
      code: 'NoTypeFits',
      text: `it asks for ${asks}, and ${where} may have ${most} ${have}`,
      facts: { ...facts, most },
    }
  }

  #placeOne(job: Job, kind: Kind): Reason | null {
    const { spread } = this.#ctx.placementOf(job)
    // What is confined already, by default, can't span sites though it might.
    const oneSite = spread === 'one-site' || (spread === 'may-span' && job.confinedTo !== undefined)
    const areas = oneSite ? this.#sitesFor(job, kind) : this.#areasFor(job, kind)
    const refusals: Reason[] = areas.length > 1 && !oneSite ? this.#badPaths(kind) : []
    for (const pass of passes) {
      for (const area of areas) {
        const found = this.#gather(job, kind, area, pass, refusals, spread === 'must-span')
        if (!found) continue
        for (const { bin, shares } of found) this.#think(job, bin, shares)
        const site = found[0]?.bin.type.site
        // What is kept from some sites by bad paths is confined to its one site, too: the scheduler knows nothing of paths.
        const confined = oneSite || (areas.length > 1 && found.every(({ bin }) => bin.type.site === site))
        if (confined && job.nodeCount > 1 && site !== undefined) this.sites.set(job.id, site)
        return null
      }
    }
    return this.#probe(job, refusals) ?? summary(refusals)
  }

  /**
   * The types of each site that a job of several nodes may have. One that is confined to a site stays there if it can: nodes may be
   * on their way for it. All elements of an array are confined together.
   */
  #sitesFor(job: Job, kind: Kind): (readonly TypePolicy[])[] {
    const taken = this.#ctx.obs.confines === true ? this.sites.get(job.id) : undefined
    const sites = taken === undefined ? sitesOf(kind.usable) : [taken]
    const first = job.confinedTo
    if (first !== undefined && sites.includes(first)) sites.unshift(...sites.splice(sites.indexOf(first), 1))
    return sites.map((site) => kind.usable.filter((type) => type.site === site))
  }

  /** The types that the nodes of a job which may span sites can have: all, or those of sites between which the paths are good enough. */
  #areasFor(job: Job, kind: Kind): (readonly TypePolicy[])[] {
    if (job.nodeCount < 2) return [kind.usable]
    const sets = joined(sitesOf(kind.usable), this.#ctx.paths)
    if (sets.length === 1) return [kind.usable]
    return sets.map((sites) => kind.usable.filter((type) => sites.includes(type.site)))
  }

  /** The paths that keep the nodes of a job from being at any of its sites. */
  #badPaths({ usable }: Kind): Reason[] {
    const sites = sitesOf(usable)
    return sites.flatMap((one, i) => sites.slice(i + 1).flatMap((other) => this.#ctx.paths.tooBad(one, other) ?? []))
  }

  /** Enough places for the job in these types; null if there are not. What is begun for nothing is taken back. */
  #gather(
    job: Job,
    kind: Kind,
    area: readonly TypePolicy[],
    pass: Pass,
    refusals: Reason[],
    spans: boolean,
  ): Place[] | null {
    const need = sharesNeeded(job)
    const found: Place[] = []
    let have = 0
    const add = (bin: Bin, shares: number) => {
      found.push({ bin, shares })
      have += shares
    }
    // Of a job that must span sites, no site gets all.
    const lacking = (site: string) => need - have - (spans && found.every(({ bin }) => bin.type.site === site) ? 1 : 0)
    for (const type of area) this.#living(job, kind, type, pass, () => lacking(type.site), add)
    if (have === need) return found
    if (pass !== 'new') return null
    const undo: (() => void)[] = []
    for (const type of area) {
      const untilMs = leastEndMs(type, [job], this.#ctx.now)
      const gives = sharesIn(type.size, job)
      while (lacking(type.site) > 0) {
        const refusal = this.#room.refusal(type, untilMs)
        if (refusal) {
          refusals.push(refusal)
          break
        }
        undo.push(this.#room.take(type, untilMs))
        add(this.#newBin(type, untilMs), Math.min(gives, lacking(type.site)))
      }
    }
    if (have === need) return found
    for (const back of undo) back()
    return null
  }

  /** Adds living bins of a type that have room for the job, for as long as shares are lacking. */
  #living(
    job: Job,
    kind: Kind,
    type: TypePolicy,
    pass: Pass,
    lacking: () => number,
    add: (bin: Bin, shares: number) => void,
  ): void {
    const key = typeKey(type)
    const bins = this.#bins.get(key) ?? []
    let from = kind.from.get(key) ?? 0
    while (from < bins.length && !hasRoom(bins[from] as Bin, job.perNode, kind.whole)) from++
    kind.from.set(key, from)
    for (let i = from, left = lacking(); i < bins.length && left > 0; i++) {
      const bin = bins[i] as Bin
      if (pass === 'there' && bin.node?.phase === 'draining') break
      if (!hasRoom(bin, job.perNode, kind.whole) || endsLater(job, bin, this.#ctx.now)) continue
      add(bin, Math.min(left, sharesIn(kind.whole ? type.size : bin.free, job)))
      left = lacking()
    }
  }

  #newBin(type: TypePolicy, untilMs: number): Bin {
    const priced = this.#ctx.policy.budgets.length > 0
    return { type, node: null, free: type.size, empty: true, untilMs: priced ? untilMs : Infinity, jobs: [] }
  }

  #think(job: Job, bin: Bin, shares: number): void {
    const isBegun = bin.jobs.length > 0
    put(bin, job, shares)
    if (bin.node) {
      if (!this.needed.has(bin.node.id)) this.needed.set(bin.node.id, job.id)
      return
    }
    if (isBegun) return
    const name = this.#room.nextName(bin.type)
    if (name === null) return
    this.begun.push({ name, type: bin.type, jobs: bin.jobs })
    const bins = this.#bins.get(typeKey(bin.type))
    if (bins) bins.push(bin)
    else this.#bins.set(typeKey(bin.type), [bin])
  }

  /** A type that failed is tried with one node of a job that needs several: the job waits for the answer. */
  #probe(job: Job, refusals: readonly Reason[]): Reason | null {
    if (job.nodeCount < 2 || !refusals.some(({ code }) => code === 'ProbeUnderWay')) return null
    for (const type of this.#ctx.usableTypes(job)) {
      const untilMs = leastEndMs(type, [job], this.#ctx.now)
      if (!this.#ctx.halfOpen(type) || this.#room.refusal(type, untilMs)) continue
      this.#room.take(type, untilMs)
      this.#think(job, this.#newBin(type, untilMs), sharesIn(type.size, job))
      break
    }
    return null
  }
}

function endsLater({ wallMs }: Job, { untilMs }: Bin, now: number): boolean {
  return untilMs !== Infinity && now + (wallMs ?? Infinity) > untilMs
}

function sitesOf(types: readonly TypePolicy[]): string[] {
  return [...new Set(types.map((type) => type.site))]
}

/** What is said of a job that finds no place: every obstacle once, under the code of the one that weighs most. */
function summary(refusals: readonly Reason[]): Reason {
  const texts = [...new Set(refusals.map(({ text }) => text))]
  const weight = ['OverBudget', 'AboveMaximum', 'ProbeUnderWay', 'SiteClosed', 'SiteDrained', 'PathBroken', 'PathBad']
  const first = refusals.toSorted((a, b) => weight.indexOf(a.code) - weight.indexOf(b.code))[0]
  const text = texts.join('; ') || 'no node is free'
  return { code: first?.code ?? 'AboveMaximum', text, ...(first?.facts ? { facts: first.facts } : {}) }
}
