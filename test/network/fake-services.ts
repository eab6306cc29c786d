import { createHash } from 'node:crypto'
import type { ExecResult } from '../../src/base/host.ts'
import type { FakeScript } from './fake-scripts.ts'

/** A cluster's services on a fake host. */
interface Instance {
  readonly files: Map<string, string>
  /** What dnsmasq has read; null when it does not run. */
  read: Map<string, string> | null
  /** The bridge that it was started on. */
  bridge: object | undefined
}

const root = '/var/lib/causeway/services'

/** `causeway-services` on a host whose kernel is a model: the files, and what a dnsmasq would have read of them. */
export class FakeServices implements FakeScript {
  readonly instances = new Map<string, Instance>()
  readonly #bridge: (name: string) => object | undefined

  /** @param bridge finds a bridge: the same object as long as it lives */
  constructor(bridge: (name: string) => object | undefined) {
    this.#bridge = bridge
  }

  run([folder, command = '', vni = '']: readonly string[], stdin: string): ExecResult {
    if (folder !== root) throw new Error(`the fake services are not in ${folder}`)
    switch (command) {
      case 'status':
        return said(this.#status(vni))
      case 'apply':
        return this.#apply(vni, stdin)
      case 'remove':
        this.instances.delete(vni)
        return said('')
      default:
        throw new Error(`causeway-services has no command ${command}`)
    }
  }

  has(path: string): boolean {
    return [...this.instances.keys()].some((vni) => path === `${root}/${vni}`)
  }

  describe(): readonly string[] {
    return [...this.instances].flatMap(([vni, { files, read }]) => [
      `services ${vni} ${read === null ? 'dead' : 'running'}`,
      ...[...files.keys()].sort().map((path) => `  ${path}${read?.get(path) === files.get(path) ? '' : ' unread'}`),
    ])
  }

  /** dnsmasq ends, as in a crash. */
  kill(vni: number): void {
    const instance = this.instances.get(`${vni}`)
    if (instance) instance.read = null
  }

  #status(vni: string): string {
    const instance = this.instances.get(vni)
    if (instance === undefined) return 'dnsmasq dead\n'
    const { files, read, bridge } = instance
    const lives = read !== null && bridge === this.#bridge(`cw${vni}`)
    const digests = [...files].map(([path, text]) => `${createHash('sha256').update(text).digest('hex')}  ${path}\n`)
    return `dnsmasq ${lives ? 'current' : 'dead'}\n${digests.join('')}`
  }

  #apply(vni: string, stdin: string): ExecResult {
    const bridge = this.#bridge(`cw${vni}`)
    if (bridge === undefined) return { code: 69, stdout: '', stderr: `there is no bridge cw${vni}` }
    const instance = this.instances.get(vni) ?? { files: new Map<string, string>(), read: null, bridge }
    this.instances.set(vni, instance)
    takeIn(instance.files, stdin)
    instance.bridge = bridge
    instance.read = new Map(instance.files)
    return said('')
  }
}

/** The changes in the script's own form. */
function takeIn(files: Map<string, string>, stdin: string): void {
  const lines = stdin.split('\n')
  if (lines.at(-2) !== '.' || lines.at(-1) !== '') throw new Error('the changes do not end with a point')
  let path = ''
  for (const line of lines.slice(0, -2)) {
    const rest = line.slice(1)
    if (line.startsWith('=')) {
      path = rest
      files.set(path, '')
    } else if (line.startsWith('+') && path !== '') files.set(path, `${files.get(path)}${rest}\n`)
    else if (line.startsWith('-')) files.delete(rest)
    else throw new Error(`the services do not know this line: '${line}'`)
  }
}

function said(stdout: string): ExecResult {
  return { code: 0, stdout, stderr: '' }
}
