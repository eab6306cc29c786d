import type { Command } from 'commander'
import type { KeyReport } from '../elastic/network-report.ts'
import { queryCommand } from './query.ts'
import { ago, table } from './table.ts'

/** `causeway network keys`: who has which keys of the tunnels, and what a change of them waits for. */
export function networkKeysCommand(): Command {
  const description = 'show the keys of the tunnels between the gateways, and how far a change of them is'
  return queryCommand<KeyReport>(
    { name: 'keys', description },
    () => '/v1/network/keys',
    (report) => showKeys(report, Date.now()),
  )
}

/** `causeway network rotate-keys`: begins to change the keys of all tunnels. */
export function networkRotateCommand(): Command {
  return queryCommand<KeyReport>(
    {
      name: 'rotate-keys',
      description:
        'begin to change the keys of all tunnels, without an outage; `causeway network keys` shows how far it is',
      method: 'POST',
    },
    () => '/v1/network/rotate-keys',
    (report) => showKeys(report, Date.now()),
  )
}

/** The state of the keys as text. */
export function showKeys({ generation, beganAtMs, changing, waitsFor, gateways }: KeyReport, now: number): string {
  const rows = gateways.map(({ name, generations, linked, moved, problem }) => [
    name,
    generations.join(', ') || '-',
    changing ? linked.join(', ') || '-' : 'all',
    moved ? 'all' : 'not yet',
    problem ?? '',
  ])
  return [
    `keys of generation ${generation}, ${ago(now - beganAtMs)} old${changing ? ': being changed' : ''}`,
    ...waitsFor.map((one) => `waits for ${one}`),
    '',
    table(['GATEWAY', 'KEYS', 'REACHED BY THE LATEST', 'TRAFFIC BY THE LATEST', 'PROBLEM'], rows),
  ].join('\n')
}
