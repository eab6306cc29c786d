import type { ExecOptions, ExecResult, Host } from '../../src/base/host.ts'
import { FakeDevices, FatalRefusal, Refusal } from './fake-devices.ts'
import { runBridge, runIp } from './fake-iproute.ts'
import { FakeNft } from './fake-nft.ts'
import { FakeScripts } from './fake-scripts.ts'
import { FakeServices } from './fake-services.ts'

/**
 * A host whose kernel is a model: the commands that the overlay uses change it and read it, in the programs' own formats.
 * A command that it does not know fails the test. `calls` is every argument vector so far.
 */
export class FakeKernel implements Host {
  readonly name: string
  readonly calls: string[][] = []
  readonly devices = new FakeDevices()
  readonly nft = new FakeNft()
  readonly services = new FakeServices((bridge) => this.devices.devices.get(bridge))
  readonly scripts = new FakeScripts({ 'causeway-services': this.services })
  readonly sysctls = new Map([
    ['net.bridge.bridge-nf-call-arptables', '1'],
    ['net.bridge.bridge-nf-call-ip6tables', '1'],
    ['net.bridge.bridge-nf-call-iptables', '1'],
    ['net.ipv4.ip_forward', '0'],
  ])

  constructor(name: string) {
    this.name = name
  }

  async exec(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    this.calls.push([...argv])
    const [program = '', ...args] = argv
    const stdin = String(options.stdin ?? '')
    try {
      return this.#run(program, args, stdin)
    } catch (thrown) {
      if (thrown instanceof Refusal) return { code: 1, stdout: '', stderr: `${thrown.message}\n` }
      throw thrown
    }
  }

  async close(): Promise<void> {}

  /** The program names of the calls that can change something. */
  get writes(): readonly string[] {
    return this.calls
      .filter((argv) => argv.includes('-force') || argv.includes('-f') || argv.includes('-w'))
      .map((argv) => argv[0] ?? '')
  }

  #run(program: string, args: readonly string[], stdin: string): ExecResult {
    const words = args.filter((word) => !['-d', '-j', '-t', '-e', '-force'].includes(word))
    switch (program) {
      case 'ip':
      case 'bridge': {
        const run = program === 'ip' ? runIp : runBridge
        if (words[0] !== '-batch') return { code: 0, stdout: run(this.devices, words.join(' ')), stderr: '' }
        return this.#batch((line) => run(this.devices, line), stdin)
      }
      case 'nft':
        if (words.join(' ') === 'list ruleset') return { code: 0, stdout: this.nft.json(), stderr: '' }
        this.nft.run(words[0] === '-f' ? stdin : words.join(' '))
        return { code: 0, stdout: '', stderr: '' }
      case 'sysctl':
        return this.#sysctl(words)
      default: {
        const answer = this.scripts.run(program, args, stdin)
        if (answer === null) throw new Error(`the fake kernel has no program ${program}`)
        return answer
      }
    }
  }

  #batch(run: (line: string) => string, stdin: string): ExecResult {
    const result = { code: 0, stdout: '', stderr: '' }
    for (const [index, line] of stdin.split('\n').entries()) {
      if (line === '') continue
      try {
        const printed = run(line)
        if (printed !== '') result.stdout += `${printed}\n`
      } catch (thrown) {
        if (!(thrown instanceof Refusal)) throw thrown
        result.stderr += `${thrown.message}\n`
        if (thrown instanceof FatalRefusal) return { ...result, code: 2 }
        result.stderr += `Command failed -:${index + 1}\n`
        result.code = 1
      }
    }
    return result
  }

  #sysctl(words: readonly string[]): ExecResult {
    if (words[0] === '-w') {
      for (const word of words.slice(1)) {
        const [key = '', value = ''] = word.split('=')
        if (!this.sysctls.has(key)) throw new Refusal(`sysctl: cannot stat ${key}`)
        this.sysctls.set(key, value)
      }
      return { code: 0, stdout: '', stderr: '' }
    }
    const lines = words.filter((key) => this.sysctls.has(key)).map((key) => `${key} = ${this.sysctls.get(key)}\n`)
    return { code: 0, stdout: lines.join(''), stderr: '' }
  }
}
