import type { ExecOptions, ExecResult, Host } from '../../src/base/host.ts'
import { FakeDevices, FatalRefusal, Refusal } from './fake-devices.ts'
import { runBridge, runIp } from './fake-iproute.ts'
import { FakeNft } from './fake-nft.ts'
import { FakeScripts } from './fake-scripts.ts'
import { FakeServices } from './fake-services.ts'
import { FakeTunnels } from './fake-tunnels.ts'

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
  readonly tunnels = new FakeTunnels(this.devices, this.nft)
  readonly scripts = new FakeScripts({ 'causeway-services': this.services, 'causeway-wireguard': this.tunnels })
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

  get sysctls(): Map<string, string> {
    return this.devices.sysctls
  }

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
        return { code: 0, stdout: this.nft.exec(args, stdin), stderr: '' }
      case 'sysctl':
        return this.#sysctl(words)
      case 'find':
        return this.tunnels.find(args)
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
        this.devices.setSysctl(key, value)
      }
      return { code: 0, stdout: '', stderr: '' }
    }
    const lines = words.filter((key) => this.sysctls.has(key)).map((key) => `${key} = ${this.sysctls.get(key)}\n`)
    return { code: 0, stdout: lines.join(''), stderr: '' }
  }
}
