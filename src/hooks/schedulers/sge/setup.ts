import { CausewayError } from '../../../base/errors.ts'
import type { SgeClient } from './client.ts'
import { names } from './names.ts'
import type { SgeOptions } from './options.ts'
import { siteHostGroup, sitePe } from './parallel.ts'

/** The lines of complex(5) for what jobs can ask for and what hosts are noted with. */
const complexLines: readonly (readonly [name: string, line: string])[] = [
  [names.site, 'RESTRING == YES NO NONE 0'],
  [names.type, 'RESTRING == YES NO NONE 0'],
  [names.exclusive, 'BOOL EXCL YES YES 0 1000'],
  [names.gpu, 'INT <= YES YES 0 0'],
  [names.drainReason, 'STRING == NO NO NONE 0'],
  [names.features, 'STRING == NO NO NONE 0'],
]

/** What Grid Engine lets be the name of a complex. */
const complexName = /^[A-Za-z_][A-Za-z0-9_-]*$/

/**
 * Makes what Causeway's nodes need in a cell, as far as it is not there: complexes, the queue with its host group, a host group
 * for each site, and a parallel environment for each site. Changes nothing that is there, so an administrator may have made any of
 * it, and it can be called at any time.
 */
export class SgeSetup {
  readonly #client: SgeClient
  readonly #options: SgeOptions
  /** What was found or made; forgotten when Grid Engine turns out not to have it any more. */
  #base = false
  readonly #sites = new Set<string>()
  readonly #features = new Set<string>()

  constructor(client: SgeClient, options: SgeOptions) {
    this.#client = client
    this.#options = options
  }

  forget(): void {
    this.#base = false
    this.#sites.clear()
    this.#features.clear()
  }

  /**
   * Resolves to whether something had to be looked for.
   * @param features those that nodes have beside site and type: jobs ask for each by its name (`-l NAME`)
   */
  async ensure(sites: readonly string[], features: readonly string[]): Promise<boolean> {
    const newFeatures = [...new Set(features)].filter((name) => !this.#features.has(name))
    const newSites = [...new Set(sites)].filter((name) => !this.#sites.has(name))
    if (this.#base && newFeatures.length === 0 && newSites.length === 0) return false
    if (!this.#base || newFeatures.length > 0) await this.#complexes(newFeatures)
    if (!this.#base) await this.#queue()
    if (!this.#base || newSites.length > 0) await this.#ofSites(newSites)
    this.#base = true
    for (const name of newSites) this.#sites.add(name)
    for (const name of newFeatures) this.#features.add(name)
    return true
  }

  async #complexes(features: readonly string[]): Promise<void> {
    const wanted = [
      ...complexLines,
      ...features.filter((name) => complexName.test(name)).map((name) => [name, 'BOOL == YES NO 0 0'] as const),
    ]
    const known = await this.#client.complexes()
    const type = known.get(names.site)?.type
    if (type !== undefined && !type.endsWith('STRING')) {
      throw new CausewayError('InvalidConfig', `Grid Engine's complex "${names.site}" is ${type}: it must be RESTRING`)
    }
    const missing = wanted.filter(([name]) => !known.has(name))
    if (missing.length === 0) return
    const lines = missing.map(([name, line]) => `${name} ${name} ${line}\n`)
    await this.#client.define('-Mc', `${await this.#client.run(['qconf', '-sc'])}${lines.join('')}`)
  }

  async #queue(): Promise<void> {
    const { queue, hostGroup, parallel } = this.#options
    await this.#hostGroups([hostGroup])
    const known = new Set(await this.#client.list('-spl'))
    for (const name of parallel.filter((one) => !known.has(one))) {
      await this.#client.define('-Ap', render(newParallel(name)))
    }
    if (!(await this.#client.list('-sql')).includes(queue)) {
      // The template names environments that the cell may not have, and keeps jobs off hosts that others make busy.
      const own = { qname: queue, hostlist: hostGroup, pe_list: 'NONE', load_thresholds: 'NONE' }
      const template = new Map([...(await this.#client.show('-sq')), ...Object.entries(own)])
      await this.#client.define('-Aq', render(template))
    }
    const attributes = await this.#client.show('-sq', queue)
    if (!wordsOf(attributes.get('hostlist')).includes(hostGroup)) {
      await this.#client.run(['qconf', '-aattr', 'queue', 'hostlist', hostGroup, queue])
    }
    await this.#placeholder()
    const environments = wordsOf(defaultOf(attributes.get('pe_list')))
    const missing = parallel.filter((name) => !environments.includes(name))
    if (missing.length > 0) await this.#client.run(['qconf', '-aattr', 'queue', 'pe_list', missing.join(' '), queue])
  }

  /**
   * Where no host is in any queue, qsub takes a job and yet ends with "not allowed to run in any queue" and status 1. So the master's
   * host is in the queue, without slots and disabled, unless there is something else.
   */
  async #placeholder(): Promise<void> {
    const { root, cell, queue, hostGroup } = this.#options
    if ((await this.#client.queue()).instances.length > 0) return
    const master = (await this.#client.run(['cat', `${root}/${cell}/common/act_qmaster`])).trim()
    await this.#client.run(['qconf', '-mattr', 'queue', 'slots', `[${master}=0]`, queue])
    await this.#client.run(['qconf', '-aattr', 'hostgroup', 'hostlist', master, hostGroup])
    await this.#client.run(['qmod', '-d', `${queue}@${master}`])
  }

  /** The hosts of a site have the environments that all have, and those of the site. */
  async #ofSites(sites: readonly string[]): Promise<void> {
    const { queue, parallel } = this.#options
    await this.#hostGroups(sites.map(siteHostGroup))
    const known = new Set(await this.#client.list('-spl'))
    const shared = wordsOf(defaultOf((await this.#client.show('-sq', queue)).get('pe_list')))
    for (const site of sites) {
      for (const name of parallel.filter((one) => !known.has(sitePe(one, site)))) {
        const copy = new Map([...(await this.#client.show('-sp', name)), ['pe_name', sitePe(name, site)]])
        await this.#client.define('-Ap', render(copy))
      }
      if (parallel.length === 0) continue
      const all = [...shared, ...parallel.map((name) => sitePe(name, site))].join(' ')
      await this.#client.run(['qconf', '-aattr', 'queue', 'pe_list', `[${siteHostGroup(site)}=${all}]`, queue])
    }
  }

  async #hostGroups(wanted: readonly string[]): Promise<void> {
    const known = new Set(await this.#client.list('-shgrpl'))
    for (const name of wanted.filter((one) => !known.has(one))) {
      await this.#client.define('-Ahgrp', `group_name ${name}\nhostlist NONE\n`)
    }
  }
}

/** A parallel environment for programs that spread over hosts, filling one after the other. */
function newParallel(name: string): ReadonlyMap<string, string> {
  return new Map([
    ['pe_name', name],
    ['slots', '999999'],
    ['user_lists', 'NONE'],
    ['xuser_lists', 'NONE'],
    ['start_proc_args', 'NONE'],
    ['stop_proc_args', 'NONE'],
    ['allocation_rule', '$fill_up'],
    ['control_slaves', 'TRUE'],
    ['job_is_first_task', 'FALSE'],
    ['urgency_slots', 'min'],
    ['accounting_summary', 'FALSE'],
    ['qsort_args', 'NONE'],
  ])
}

function render(attributes: ReadonlyMap<string, string>): string {
  return [...attributes].map(([name, value]) => `${name} ${value}\n`).join('')
}

/** The part of a queue's attribute that is for all hosts: what stands before the first `,[`. */
function defaultOf(value: string | undefined): string {
  return (value ?? '').split(',[')[0] ?? ''
}

function wordsOf(value: string | undefined): string[] {
  return (value ?? '').split(/[\s,]+/).filter((word) => word !== '' && word !== 'NONE')
}
