import assert from 'node:assert/strict'
import { basename } from 'node:path'
import type { ExecResult } from '../../src/base/host.ts'

/** What one of our scripts for gateways does on a host whose kernel is a model. */
export interface FakeScript {
  /** Answers a call; fails the test when it is none that the script knows. */
  run(args: readonly string[], stdin: string): ExecResult
  /** Whether what the script keeps on the host has this path. */
  has(path: string): boolean
  /** What is there, as lines for a golden file; empty when it is as if it had never been used. */
  describe(): readonly string[]
}

/** The scripts of a fake host: put there and called as `HostScript` does it. */
export class FakeScripts {
  readonly #known: Readonly<Record<string, FakeScript>>
  readonly #installed = new Set<string>()

  /** @param known by the script's file name, such as `causeway-services` */
  constructor(known: Readonly<Record<string, FakeScript>>) {
    this.#known = known
  }

  /** Answers a command that has to do with scripts; null for any other. */
  run(program: string, args: readonly string[], stdin: string): ExecResult | null {
    if (program === 'test' && args[0] === '-e') return ended(this.#has(args[1] ?? '') ? 0 : 1)
    if (program === 'sh' && args[2] === 'install') {
      const path = args[3] ?? ''
      assert.ok(this.#of(path), `the fake host has no script ${path}`)
      this.#installed.add(path)
      return ended(0)
    }
    const script = this.#of(program)
    if (script === undefined) return null
    return this.#installed.has(program) ? script.run(args, stdin) : ended(127)
  }

  /** Someone cleaned up: the scripts themselves are gone, what they keep is not. */
  forget(): void {
    this.#installed.clear()
  }

  describe(): readonly string[] {
    return Object.values(this.#known).flatMap((script) => script.describe())
  }

  #has(path: string): boolean {
    return Object.values(this.#known).some((script) => script.has(path))
  }

  #of(path: string): FakeScript | undefined {
    const name = /^(.+)-[0-9a-f]{16}$/.exec(basename(path))?.[1]
    return name === undefined ? undefined : this.#known[name]
  }
}

function ended(code: number): ExecResult {
  return { code, stdout: '', stderr: '' }
}
