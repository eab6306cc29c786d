import assert from 'node:assert/strict'
import { must } from '../../lab/demo/must.ts'
import type { Lab } from '../../lab/lab.ts'
import type { ExecResult } from '../../src/base/host.ts'
import { lives } from './cluster.ts'

/** Runs a program of this machine in the network of a node that lives: what it sends, the node sends. */
export async function onNode(lab: Lab, name: string, argv: readonly string[]): Promise<ExecResult> {
  const life = lives(lab).find((found) => found.name === name && found.phase !== 'gone')
  const site = lab.sites.find((found) => found === life?.site)
  assert.ok(life && site, `there is no node ${name}`)
  const host = lab.hosts[site]
  const [holder = ''] = host.read(`/var/lib/causeway/machines/${life.id}/holder`).split(' ')
  const [init = ''] = (await must(host.exec(['pgrep', '--parent', holder]))).trim().split('\n')
  return host.exec(['nsenter', `--target=${init}`, '--net', '--', ...argv])
}
