import { Refusal } from './fake-devices.ts'

interface FakeChain {
  hook: string
  rules: { text: string; comment: string | null }[]
}

interface FakeTable {
  sets: Map<string, { type: string; flags: string[]; elements: string[] }>
  chains: Map<string, FakeChain>
}

/** nftables' tables as text. `run` is one transaction: either all of its lines hold, or none. */
export class FakeNft {
  #tables = new Map<string, FakeTable>()

  run(script: string): void {
    const before = structuredClone(this.#tables)
    try {
      for (const line of script.split('\n')) if (line !== '') this.#line(line)
    } catch (thrown) {
      this.#tables = before
      throw thrown
    }
  }

  #line(line: string): void {
    if (line === 'flush ruleset') return this.#tables.clear()
    const head = /^(add|delete|flush) (table|set|chain|rule|element) (\S+ \S+)(?: (\S+))?(?: (.*))?$/.exec(line)
    if (head === null) throw new Error(`the fake kernel does not know: nft ${line}`)
    const [, verb, object, id = '', name = '', rest = ''] = head
    if (`${verb} ${object}` === 'add table') {
      if (!this.#tables.has(id)) this.#tables.set(id, { sets: new Map(), chains: new Map() })
      return
    }
    const table = this.#tables.get(id)
    if (table === undefined) throw new Refusal(`Error: No such file or directory: ${line}`)
    const chain = table.chains.get(name)
    switch (`${verb} ${object}`) {
      case 'delete table':
        this.#tables.delete(id)
        return
      case 'add set': {
        const [, type = '', flags = ''] = /^{ type (\S+);(?: flags (.*);)? }$/.exec(rest) ?? []
        const present = table.sets.get(name)
        if (present !== undefined && (present.type !== type || present.flags.join(', ') !== flags)) {
          throw new Refusal('Error: File exists')
        }
        if (present === undefined) table.sets.set(name, { type, flags: flags.split(', '), elements: [] })
        return
      }
      case 'delete set':
        if ([...table.chains.values()].some((one) => one.rules.some(({ text }) => text.includes(`@${name}`)))) {
          throw new Refusal('Error: Device or resource busy')
        }
        table.sets.delete(name)
        return
      case 'add element':
        table.sets.get(name)?.elements.push(rest)
        return
      case 'add chain':
        if (chain !== undefined && chain.hook !== rest) throw new Refusal('Error: File exists')
        if (chain === undefined) table.chains.set(name, { hook: rest, rules: [] })
        return
    }
    if (chain === undefined) throw new Refusal(`Error: No such file or directory: ${line}`)
    switch (`${verb} ${object}`) {
      case 'flush chain':
        chain.rules = []
        return
      case 'delete chain':
        if (chain.rules.length > 0) throw new Refusal('Error: Device or resource busy')
        table.chains.delete(name)
        return
      case 'add rule': {
        const [, text = rest, comment = null] = /^(.*) comment "([^"]*)"$/.exec(rest) ?? []
        chain.rules.push({ text, comment })
        return
      }
      default:
        throw new Error(`the fake kernel does not know: nft ${line}`)
    }
  }

  json(): string {
    const nftables: unknown[] = [{ metainfo: { version: 'fake' } }]
    for (const [id, { sets, chains }] of this.#tables) {
      const [family, table] = id.split(' ')
      nftables.push({ table: { family, name: table } })
      for (const [name, { type, flags }] of sets) nftables.push({ set: { family, table, name, type, flags } })
      for (const [name, { hook, rules }] of chains) {
        const [, type, at, prio] = /^{ type (\S+) hook (\S+) priority (\S+);/.exec(hook) ?? []
        const base = type === undefined ? {} : { type, hook: at, prio: Number(prio), policy: 'accept' }
        nftables.push({ chain: { family, table, name, ...base } })
        for (const { comment } of rules) {
          nftables.push({ rule: { family, table, chain: name, ...(comment === null ? {} : { comment }), expr: [] } })
        }
      }
    }
    return JSON.stringify({ nftables })
  }
}
