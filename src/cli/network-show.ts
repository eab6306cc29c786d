import type { Command } from 'commander'
import type { NetworkReport } from '../elastic/network-report.ts'
import { queryCommand } from './query.ts'
import { table } from './table.ts'

/** Up to so many gateways the paths are shown as a matrix, beyond only those that something is wrong with. */
const widest = 10

/** A share of lost packets that is worth a word. */
const worthTelling = 0.01

type Path = NetworkReport['paths'][number]

/** `causeway network show`: the gateways, and what the paths between them carry. */
export function networkShowCommand(): Command {
  const description = 'show the state of the gateways, and reachability, round trip, loss and MTU between them'
  return queryCommand<NetworkReport>({ name: 'show', description }, () => '/v1/network', showNetwork)
}

/** The report as text, trouble first. */
export function showNetwork(report: NetworkReport): string {
  const { vni, subnet, mode, generation, underlayMtu, mtu, gateways, paths } = report
  const keys = generation === null ? 'not encrypted' : `encrypted with keys of generation ${generation}`
  const troubles = troublesOf(report)
  const rows = gateways.map(({ name, underlay, address, state }) => [name, underlay, address, state])
  return [
    `${subnet}, VNI ${vni}: ${mode}, ${keys}, MTU ${mtu} (${underlayMtu} between gateways)`,
    ...troubles.map((trouble) => `! ${trouble}`),
    '',
    table(['GATEWAY', 'UNDERLAY', 'ADDRESS', 'STATE'], rows),
    '',
    gateways.length <= widest ? matrix(report) : summary(paths),
  ].join('\n')
}

function troublesOf({ gateways, paths, mtu }: NetworkReport): string[] {
  const broken = paths.filter(({ state }) => state === 'broken')
  const small = paths.filter((path) => path.state === 'good' && path.mtu !== null && path.mtu < mtu)
  const lossy = paths.filter((path) => path.state === 'good' && (path.loss ?? 0) >= worthTelling)
  return [
    ...gateways.flatMap(({ name, trouble }) => (trouble ? [`${name} is not as wanted: ${trouble}`] : [])),
    ...gateways.flatMap(({ name, unasked }) => (unasked ? [`${name} can't be asked for its paths: ${unasked}`] : [])),
    ...broken.map(({ from, to }) => `nothing comes back to ${from} from ${to}`),
    ...lossy.map(({ from, to, loss }) => `${percent(loss)} of all packets between ${from} and ${to} are lost`),
    ...small.map((path) => `from ${path.from} to ${path.to} only packets of up to ${path.mtu} bytes pass`),
  ]
}

function matrix({ gateways, paths, mtu }: NetworkReport): string {
  const byEnds = new Map(paths.map((path) => [`${path.from} ${path.to}`, path]))
  const names = gateways.map(({ name }) => name)
  const rows = names.map((from) => [from, ...names.map((to) => cell(byEnds.get(`${from} ${to}`), from === to, mtu))])
  return table(['FROM \\ TO', ...names], rows)
}

function cell(path: Path | undefined, isSelf: boolean, mtu: number): string {
  if (isSelf) return '-'
  if (!path || path.state === 'unknown') return '?'
  if (path.state === 'broken') return 'BROKEN'
  const parts = [path.rttMs === null ? [] : [`${path.rttMs.toFixed(1)} ms`]]
  if ((path.loss ?? 0) >= worthTelling) parts.push([`${percent(path.loss)} lost`])
  if (path.mtu !== null && path.mtu < mtu) parts.push([`MTU ${path.mtu}`])
  return parts.flat().join(', ')
}

function summary(paths: readonly Path[]): string {
  const count = (state: Path['state']) => paths.filter((path) => path.state === state).length
  return `${paths.length} paths: ${count('good')} good, ${count('broken')} broken, ${count('unknown')} unknown`
}

function percent(share: number | null): string {
  return `${((share ?? 0) * 100).toFixed(0)} %`
}
