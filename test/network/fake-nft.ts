import { Refusal } from './fake-devices.ts'

interface FakeChain {
  /** What was declared; empty for a chain that others go to. */
  base: string
  rules: { text: string; comment: string | null }[]
}

interface FakeSet {
  declared: string
  type: string[]
  flags: string[]
  elements: Set<string>
}

interface FakeTable {
  counters: Set<string>
  sets: Map<string, FakeSet>
  chains: Map<string, FakeChain>
}

/** nftables' tables as text. A script is one transaction: either all of its lines hold, or none. */
export class FakeNft {
  #tables = new Map<string, FakeTable>()

  /** Runs `nft` with these arguments and gives what it prints. */
  exec(args: readonly string[], stdin: string): string {
    const words = args.filter((word) => !['-j', '-t'].includes(word))
    if (words[0] === 'list') return this.#list(words.slice(1).join(' '), args.includes('-t'))
    this.run(words[0] === '-f' ? stdin : words.join(' '))
    return ''
  }

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
    const head =
      /^(add|insert|delete|flush) (table|counter|set|chain|rule|element) (\S+ \S+)(?: (\S+))?(?: (.*))?$/.exec(line)
    if (head === null) throw unknown(line)
    const [, verb = '', object = '', id = '', name = '', rest = ''] = head
    if (object === 'table') return this.#table(verb, id, line)
    const table = this.#tables.get(id)
    if (table === undefined) throw missing(line)
    if (object === 'counter') return changeCounter(table, verb, name, line)
    if (object === 'set') return changeSet(table, verb, name, rest, line)
    if (object === 'element') return changeElements(table, verb, name, rest, line)
    return changeChain(table, `${verb} ${object}`, name, rest, line)
  }

  #table(verb: string, id: string, line: string): void {
    if (verb === 'add') {
      if (!this.#tables.has(id)) this.#tables.set(id, { counters: new Set(), sets: new Map(), chains: new Map() })
    } else if (verb !== 'delete') throw unknown(line)
    else if (!this.#tables.delete(id)) throw missing(line)
  }

  #list(what: string, terse: boolean): string {
    const nftables: unknown[] = [{ metainfo: { version: 'fake' } }]
    if (what === 'ruleset') {
      for (const [id, table] of this.#tables) nftables.push(...tableJson(id, table, terse))
      return JSON.stringify({ nftables })
    }
    const [, id = ''] = /^table (\S+ \S+)$/.exec(what) ?? []
    const table = this.#tables.get(id)
    if (id === '') throw unknown(`list ${what}`)
    if (table === undefined) throw missing(what)
    return JSON.stringify({ nftables: [...nftables, ...tableJson(id, table, terse)] })
  }
}

function changeCounter({ counters, chains }: FakeTable, verb: string, name: string, line: string): void {
  if (verb === 'add') counters.add(name)
  else if (isNamed(chains, `counter name ${name}`)) throw busy()
  else if (!counters.delete(name)) throw missing(line)
}

function changeSet({ sets, chains }: FakeTable, verb: string, name: string, rest: string, line: string): void {
  const present = sets.get(name)
  if (verb === 'add') {
    if (present !== undefined && present.declared !== rest) throw new Refusal('Error: File exists')
    if (present === undefined) sets.set(name, declaredSet(rest, line))
    return
  }
  if (present === undefined) throw missing(line)
  if (verb === 'flush') return present.elements.clear()
  if (isNamed(chains, `@${name}`)) throw busy()
  sets.delete(name)
}

function declaredSet(declared: string, line: string): FakeSet {
  const [, how, type = '', flags] =
    /^{ (type|typeof) ([^;]+);(?: flags ([^;]*);)?(?: size \d+;)?(?: timeout \w+;)? }$/.exec(declared) ?? []
  if (how === undefined) throw unknown(line)
  const types = type.split(' . ').map((one) => (how === 'type' ? one : (fieldTypes.get(one) ?? 'integer')))
  return { declared, type: types, flags: flags?.split(', ') ?? [], elements: new Set() }
}

/** The types of the fields that `typeof` may name; those that nft does not know are integers. */
const fieldTypes = new Map([
  ['iifname', 'ifname'],
  ['ether saddr', 'ether_addr'],
])

function changeElements({ sets }: FakeTable, verb: string, name: string, rest: string, line: string): void {
  const set = sets.get(name)
  const [, list = ''] = /^{ (.*) }$/.exec(rest) ?? []
  if (set === undefined) throw missing(line)
  for (const text of list.split(', ')) {
    // As the kernel has it: without what else is said about it, and numbers without leading zeros.
    const element = text
      .replaceAll('"', '')
      .replace(/ timeout \S+$/, '')
      .replaceAll(/\b0x0*(?=[0-9a-f])/g, '0x')
    if (element.split(' . ').length !== set.type.length) throw new Refusal(`Error: datatype mismatch: ${line}`)
    if (verb === 'add') set.elements.add(element)
    else if (!set.elements.delete(element)) throw missing(line)
  }
}

function changeChain(table: FakeTable, act: string, name: string, rest: string, line: string): void {
  const chain = table.chains.get(name)
  if (act === 'add chain') {
    if (chain !== undefined && chain.base !== rest) throw new Refusal('Error: File exists')
    if (chain === undefined) table.chains.set(name, { base: rest, rules: [] })
    return
  }
  if (chain === undefined) throw missing(line)
  switch (act) {
    case 'flush chain':
      chain.rules = []
      return
    case 'delete chain':
      if (chain.rules.length > 0 || isNamed(table.chains, `(jump|goto) ${name}`)) throw busy()
      table.chains.delete(name)
      return
    case 'add rule':
    case 'insert rule': {
      const [, text = rest, comment = null] = /^(.*) comment "([^"]*)"$/.exec(rest) ?? []
      checkNames(table, text, line)
      chain.rules[act === 'add rule' ? 'push' : 'unshift']({ text, comment })
      return
    }
    default:
      throw unknown(line)
  }
}

/** What a rule names must be there. */
function checkNames({ counters, sets, chains }: FakeTable, text: string, line: string): void {
  const names = (pattern: RegExp) => [...text.matchAll(pattern)].map(([, name = '']) => name)
  const isThere =
    names(/@([a-z_]\w*)(?![\w,]*,\d)/g).every((name) => sets.has(name)) &&
    names(/counter name (\w+)/g).every((name) => counters.has(name)) &&
    names(/(?:goto|jump) (\w+)/g).every((name) => chains.has(name))
  if (!isThere) throw missing(line)
}

function isNamed(chains: ReadonlyMap<string, FakeChain>, what: string): boolean {
  const pattern = new RegExp(`${what}\\b`)
  return [...chains.values()].some((one) => one.rules.some(({ text }) => pattern.test(text)))
}

function tableJson(id: string, { counters, sets, chains }: FakeTable, terse: boolean): unknown[] {
  const [family, table] = id.split(' ')
  const json: unknown[] = [{ table: { family, name: table } }]
  for (const name of counters) json.push({ counter: { family, table, name, packets: 0, bytes: 0 } })
  for (const [name, { type, flags, elements }] of sets) {
    // As the real one: it does not tell `dynamic`, tells a single type plainly, and leaves out what there is none of.
    const told = flags.filter((flag) => flag !== 'dynamic')
    const elem = terse ? [] : [...elements].map((element) => elementJson(element, type))
    const optional = { ...(told.length > 0 ? { flags: told } : {}), ...(elem.length > 0 ? { elem } : {}) }
    json.push({ set: { family, table, name, type: type.length === 1 ? type[0] : type, ...optional } })
  }
  for (const [name, { base }] of chains) {
    const [, type, at, prio] = /^{ type (\S+) hook (\S+) priority (\S+);/.exec(base) ?? []
    const hooked = type === undefined ? {} : { type, hook: at, prio: Number(prio), policy: 'accept' }
    json.push({ chain: { family, table, name, ...hooked } })
  }
  for (const [chain, { rules }] of chains) {
    for (const { comment } of rules) {
      json.push({ rule: { family, table, chain, ...(comment === null ? {} : { comment }), expr: [] } })
    }
  }
  return json
}

/** Numbers of up to 64 bits are numbers, longer ones hex. */
function elementJson(element: string, type: readonly string[]): unknown {
  const parts = element.split(' . ').map((part, k) => {
    const isShort = type[k] === 'integer' && BigInt(part) < 1n << 64n
    return isShort || type[k] === 'inet_service' ? Number(part) : part
  })
  return parts.length === 1 ? parts[0] : { concat: parts }
}

function unknown(line: string): Error {
  return new Error(`the fake kernel does not know: nft ${line}`)
}

function missing(line: string): Refusal {
  return new Refusal(`Error: No such file or directory: ${line}`)
}

function busy(): Refusal {
  return new Refusal('Error: Device or resource busy')
}
