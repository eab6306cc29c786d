import type { ExecResult } from '../../../src/base/host.ts'
import { type FakeTorque, Refusal, type Submission } from './cluster.ts'
import { renderJobs, renderNodes } from './render.ts'

type Letter = 'u' | 'o' | 's'

/**
 * Runs one of Torque's commands on the fake: `argv[0]` is its name. Exit statuses and messages are those of the recorded samples where
 * there is one. Options that no sample or note vouches for are refused, so that nothing passes here that was only guessed.
 */
export function runCommand(torque: FakeTorque, argv: readonly string[], stdin: string, user = 'root'): ExecResult {
  const [name = '', ...args] = argv
  if (torque.away) {
    const stderr = `${name}: cannot connect to server ${torque.server} (errno=111) Connection refused\n`
    return { code: 111, stdout: '', stderr }
  }
  const command = commands[name]
  if (!command) return { code: 127, stdout: '', stderr: `${name}: not found\n` }
  const said: string[] = []
  let code = 0
  const attempt = (act: () => void, status?: number) => {
    try {
      act()
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      code = status ?? error.code
      said.push(`${name}: ${error.message}\n`)
    }
  }
  let stdout = ''
  attempt(() => {
    stdout = command({ torque, args, stdin, user, attempt })
  })
  return { code, stdout, stderr: said.join('') }
}

interface Call {
  readonly torque: FakeTorque
  readonly args: readonly string[]
  readonly stdin: string
  readonly user: string
  /** Does something about one of several operands: the others are served even if it is refused. */
  readonly attempt: (act: () => void, status?: number) => void
}

const commands: Readonly<Record<string, (call: Call) => string>> = {
  qstat({ torque, args }) {
    const line = args.join(' ')
    if (line === '-x -t') return renderJobs(torque)
    if (line === '-B -f') {
      return `Server: ${torque.server}\n    server_state = Active\n    total_jobs = ${torque.jobs.length}\n\n`
    }
    throw new Refusal(2, `usage: qstat: not modelled: ${line}`)
  },

  pbsnodes({ torque, args, attempt }) {
    const { options, operands } = parse(args, 'N', 'xoc')
    const note = options.get('N')
    if (options.has('x')) {
      if (torque.nodes.length === 0) {
        throw new Refusal(1, "Server has no node list MSG=node list is empty - check 'server_priv/nodes' file")
      }
      return renderNodes(torque, operands.length === 0 ? torque.nodes : operands.map((name) => torque.node(name)))
    }
    for (const name of operands) {
      attempt(() => {
        const node = torque.node(name)
        if (options.has('o')) node.offline = true
        if (options.has('c')) node.offline = false
        if (note !== undefined) node.note = note === 'n' ? '' : note
        // As the real one: it only says what went wrong.
      }, 0)
    }
    return ''
  },

  qmgr({ torque, args, stdin, attempt }) {
    const text = args[0] === '-c' ? (args[1] ?? '') : stdin
    let out = ''
    for (const line of text.split('\n').filter(Boolean)) {
      attempt(() => {
        out += manage(torque, line)
      })
    }
    return out
  },

  qhold({ torque, args, user, attempt }) {
    const { options, operands } = parse(args, 'h')
    const letters = holdLetters(options.get('h') ?? 'u', user)
    for (const id of operands) attempt(() => torque.hold(id, letters))
    return ''
  },

  qrls({ torque, args, user, attempt }) {
    const { options, operands } = parse(args, 'h')
    const letters = holdLetters(options.get('h') ?? 'u', user)
    for (const id of operands) attempt(() => torque.letGo(id, letters))
    return ''
  },

  qalter({ torque, args, attempt }) {
    const { options, operands } = parse(args, 'lW')
    const resources = options.has('l') ? assignments(options.get('l') ?? '') : undefined
    const attributes = assignments(options.get('W') ?? '')
    const comment = attributes.get('comment')
    if ([...attributes.keys()].some((key) => key !== 'comment')) throw new Refusal(2, 'qalter: illegal -W value')
    for (const id of operands) {
      attempt(() =>
        torque.alter(id, { ...(resources ? { resources } : {}), ...(comment === undefined ? {} : { comment }) }),
      )
    }
    return ''
  },

  qrerun({ torque, args, attempt }) {
    const { options, operands } = parse(args, '', 'f')
    for (const id of operands) attempt(() => torque.rerun(id, options.has('f')))
    return ''
  },

  qdel({ torque, args, attempt }) {
    const { options, operands } = parse(args, '', 'p')
    for (const id of operands) attempt(() => torque.remove(id, options.has('p')))
    return ''
  },

  qsub({ torque, args, stdin, user }) {
    const { options } = parse(args, 'lNtWavruq', 'hn')
    const attributes = assignments(options.get('W') ?? '')
    const array = /^(\d+)-(\d+)(?:%(\d+))?$/.exec(options.get('t') ?? '')
    const from = Number(array?.[1] ?? 0)
    const wish: Submission = {
      user,
      name: options.get('N') ?? 'STDIN',
      resources: assignments(options.get('l') ?? ''),
      runMs: Number(/\bsleep ([\d.]+)/.exec(stdin)?.[1] ?? 0) * 1000,
      array: array && {
        indexes: Array.from({ length: Number(array[2]) - from + 1 }, (_, k) => from + k),
        limit: Number(array[3] ?? Infinity),
      },
      holds: options.has('h') ? ['u'] : [],
      variables: options.get('v') ?? '',
      exclusive: options.has('n'),
      rerunnable: options.get('r') !== 'n',
      depend: attributes.get('depend') ?? '',
      x: attributes.get('x') ?? '',
      beginAtMs: options.has('a') ? torque.nowMs + 3_600_000 : null,
    }
    return `${torque.submit(wish)}\n`
  },
}

/** Options of single letters, those in `valued` with a value. */
function parse(
  args: readonly string[],
  valued: string,
  plain = '',
): { options: Map<string, string>; operands: string[] } {
  const options = new Map<string, string>()
  let at = 0
  for (; at < args.length && args[at]?.startsWith('-'); at++) {
    const letter = args[at]?.slice(1) ?? ''
    if (letter.length === 1 && valued.includes(letter)) options.set(letter, args[++at] ?? '')
    else if (letter.length === 1 && plain.includes(letter)) options.set(letter, '')
    else throw new Refusal(2, `invalid option -- '${letter}'`)
  }
  return { options, operands: args.slice(at) }
}

function assignments(list: string): Map<string, string> {
  const pairs = list.split(',').filter(Boolean)
  return new Map(
    pairs.map((pair) => {
      const at = pair.indexOf('=')
      if (at < 1) throw new Refusal(2, `illegal value: ${pair}`)
      return [pair.slice(0, at), pair.slice(at + 1)]
    }),
  )
}

/** Users may set and end their own holds only. */
function holdLetters(text: string, user: string): Letter[] {
  const letters = Array.from(text).filter((letter): letter is Letter => 'uos'.includes(letter))
  if (letters.length !== text.length) throw new Refusal(2, 'illegal -h value')
  if (user !== 'root' && letters.some((letter) => letter !== 'u')) throw new Refusal(159, 'Unauthorized Request')
  return letters
}

/** One line of qmgr's. */
function manage(torque: FakeTorque, line: string): string {
  if (line === 'print server') return printServer(torque)
  const words = /^(create|delete|set) (node|server|queue batch)(?: (\S+))?(.*)$/.exec(line)
  const [, verb, kind, first = '', rest = ''] = words ?? []
  if (kind === 'node' && verb === 'create' && rest === '') torque.createNode(first)
  else if (kind === 'node' && verb === 'delete' && rest === '') torque.deleteNode(first)
  else if (kind === 'node' && verb === 'set') setNode(torque, first, rest.trim(), line)
  else if (verb === 'set' && /^ = \S+$/.test(rest)) torque.settings.set(`${kind} ${first}`, rest.slice(3))
  else throw new Refusal(1, `Syntax error in: ${line}`)
  return ''
}

function setNode(torque: FakeTorque, name: string, rest: string, line: string): void {
  const node = torque.node(name)
  const match = /^(np|gpus|properties|state|note) (=|\+=) (?:"([^"]*)"|(\S+))$/.exec(rest)
  if (!match) throw new Refusal(1, `Syntax error in: ${line}`)
  const [, attribute, operator, quoted, bare] = match
  const value = quoted ?? bare ?? ''
  if (attribute === 'np') node.np = Number(value)
  else if (attribute === 'gpus') node.gpus = Number(value)
  else if (attribute === 'note') node.note = value
  else if (attribute === 'state' && value === 'offline') node.offline = true
  else if (attribute === 'properties')
    node.properties = operator === '=' ? [value] : [...new Set([...node.properties, value])]
  else throw new Refusal(1, `Illegal value in: ${line}`)
}

function printServer(torque: FakeTorque): string {
  const of = (prefix: string) => [...torque.settings].filter(([name]) => name.startsWith(prefix))
  const set = ([name, value]: readonly [string, string]) => `set ${name} = ${value}`
  return ['create queue batch', ...of('queue ').map(set), '#', ...of('server ').map(set), ''].join('\n')
}
