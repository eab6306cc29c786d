import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { Host } from '../../src/base/host.ts'
import { type ApplyReport, applyGateway, removeOverlay } from '../../src/network/apply.ts'
import type { ActualState, Link } from '../../src/network/kernel/actual-state.ts'
import { kernelPart } from '../../src/network/kernel/kernel-part.ts'
import { readGateway } from '../../src/network/kernel/read.ts'
import type { Overlay } from '../../src/network/overlay.ts'

/**
 * Plays the kernel's part on one gateway and writes down what happened: what was asked, the commands that followed, what is pending or
 * missing, and the kernel's state. On a fake and on a real kernel the same play must give the same text.
 */
export class Transcript {
  readonly host: Host
  readonly #isWhole: boolean
  #text = ''

  /** @param isWhole also what the guard's rules say, which is long and the same everywhere, is written down */
  constructor(host: Host, isWhole = false) {
    this.host = host
    this.#isWhole = isWhole
  }

  /** Does something to the kernel from outside. */
  async run(command: string): Promise<void> {
    this.#text += `$ ${command}\n`
    const result = await this.host.exec(command.split(' '))
    assert.equal(result.code, 0, `${command}: ${result.stderr}`)
  }

  /** Feeds nft from outside. */
  async nft(script: string): Promise<void> {
    this.#text += script.replaceAll(/^/gm, '$ nft ').concat('\n')
    const result = await this.host.exec(['nft', '-f', '-'], { stdin: script })
    assert.equal(result.code, 0, result.stderr)
  }

  async apply(overlay: Overlay, gateway: string): Promise<ApplyReport> {
    this.#text += `apply ${gateway}\n`
    return this.#report(await applyGateway(this.host, overlay, gateway, [kernelPart]))
  }

  async remove(vni: number): Promise<ApplyReport> {
    this.#text += `remove ${vni}\n`
    return this.#report(await removeOverlay(this.host, vni, [kernelPart]))
  }

  /** Writes down an error's code, which must come. */
  async refused(act: Promise<unknown>): Promise<void> {
    const code = await act.then(
      () => assert.fail('this must be refused'),
      (error: { code?: string }) => error.code,
    )
    this.#text += `  refused: ${code}\n`
  }

  /** The play so far and the state that it led to. */
  async finish(): Promise<string> {
    const state = describeState(await readGateway(this.host, 77))
    return `${this.#text}\n${this.#isWhole ? state : state.replaceAll(/^( {2}chain \w+ - causeway) .*$/gm, '$1 ...')}`
  }

  #report(report: ApplyReport): ApplyReport {
    const list = (title: string, lines: readonly string[]) => {
      for (const line of lines) this.#text += `  ${title}${line}\n`
    }
    const commands = this.#isWhole ? report.commands : withoutGuard(report.commands)
    list('', commands.length > 0 ? commands : ['(nothing to do)'])
    list(
      'refused: ',
      report.failures.map((one) => one.command),
    )
    list('missing: ', report.missing)
    list('pending: ', report.pending)
    return report
  }
}

/** The commands with one line instead of all that make the guard's rules. */
function withoutGuard(commands: readonly string[]): readonly string[] {
  const isGuard = (command: string) =>
    /^nft (add (counter|set|chain|rule)|flush chain) bridge causeway_\d+ /.test(command)
  const rest = commands.filter((command) => !isGuard(command))
  return rest.length === commands.length ? commands : [...rest, 'nft ... bridge: the rules']
}

/** The state as text, without what the kernel adds of its own accord (random MACs, multicast groups, loopback). */
export function describeState(state: ActualState): string {
  const bridges = new Map(state.links.filter((link) => link.kind === 'bridge').map((link) => [link.name, link.mac]))
  const entries = state.forwarding
    .filter((one) =>
      one.master === null ? one.dst !== null : one.state !== 'permanent' || bridges.get(one.device) === one.mac,
    )
    .map(
      (one) =>
        `entry ${one.mac} ${one.device} ${one.dst ?? `of ${one.master}`} ${one.state}${one.sticky ? ' sticky' : ''}${one.learned ? ' learned' : ''}`,
    )
  return [
    ...state.links
      .filter((link) => link.name !== 'lo')
      .map(describeLink)
      .sort(),
    ...entries.sort(),
    ...state.neighbours
      .map((one) => `neighbour ${one.address} ${one.mac} ${one.device}${one.permanent ? '' : ' learned'}`)
      .sort(),
    ...state.tables
      .toSorted((a, b) => (a.family < b.family ? -1 : 1))
      .flatMap((table) => [
        `table ${table.family} ${table.name}`,
        ...table.sets.map((set) => `  set ${set.name} ${set.type} ${set.flags.join(' ')}`),
        ...table.chains.map((chain) => `  chain ${chain.name} ${chain.hook ?? '-'} ${chain.rules.join('; ')}`).sort(),
      ]),
    ...Object.entries(state.sysctls).map(([key, value]) => `${key} = ${value}`),
    '',
  ].join('\n')
}

function describeLink({ name, kind, mac, mtu, up, master, addresses, vxlan, portFlags }: Link): string {
  const port = Object.entries(portFlags ?? {}).map(([key, value]) => `${key} ${value ? 'on' : 'off'}`)
  return [
    `device ${name} ${kind}`,
    ...(kind === 'bridge' ? [mac] : []),
    `mtu ${mtu} ${up ? 'up' : 'down'}`,
    ...addresses,
    ...(vxlan === null ? [] : [`id ${vxlan.vni} local ${vxlan.local} port ${vxlan.port}`]),
    ...(master === null ? [] : [`in ${master}`]),
    ...(kind === 'vxlan' ? port : []),
  ].join(' ')
}

/** Compares a text with a golden file; `UPDATE_GOLDEN=1` writes it. */
export function assertGolden(name: string, text: string): void {
  const file = new URL(`golden/${name}.txt`, import.meta.url)
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(file, text)
  assert.ok(existsSync(file), `no golden file ${name}: run once with UPDATE_GOLDEN=1 and review it`)
  assert.equal(text, readFileSync(file, 'utf8'))
}
