import type { Registration } from '../../../elastic/scheduler.ts'
import type { SgeClient } from './client.ts'
import type { Complexes } from './complexes.ts'
import { encodeValue, names } from './names.ts'
import type { SgeOptions } from './options.ts'
import { siteHostGroup } from './parallel.ts'

/** A consumable of the host's memory, where the administrator made one: its value is what the node has. */
const memoryConsumables = ['h_vmem', 'mem_free', 'virtual_free']

/** Hosts in one command: Linux takes up to 128 KiB in one argument. */
const hostsAtOnce = 500

/**
 * Makes hosts known, in every place that Grid Engine has for them: administrative host, so that it may register; host groups,
 * which makes it an execution host of the queue; its complexes; its slots. All of it is idempotent.
 */
export async function addHosts(
  client: SgeClient,
  options: SgeOptions,
  complexes: Complexes,
  nodes: readonly Registration[],
): Promise<void> {
  for (const some of groupsOf(nodes)) {
    const hosts = some.map((node) => node.name)
    await client.run(['qconf', '-ah', hosts.join(',')])
    for (const [site, group] of Map.groupBy(some, (node) => node.site)) {
      const members = group.map((node) => node.name).join(' ')
      await client.run(['qconf', '-aattr', 'hostgroup', 'hostlist', members, siteHostGroup(site)])
    }
    // Complexes and slots before the queue: it must not offer the host with what it has by default.
    const values = Map.groupBy(some, (node) => complexValues(node, complexes))
    const slots = some.map((node) => `[${node.name}=${slotsOf(node)}]`)
    await client.run(['qconf', '-mattr', 'queue', 'slots', slots.join(','), options.queue])
    await client.run(['qconf', '-aattr', 'hostgroup', 'hostlist', hosts.join(' '), options.hostGroup])
    for (const [value, group] of values) {
      await client.run(['qconf', '-mattr', 'exechost', 'complex_values', value, ...group.map((node) => node.name)])
    }
  }
}

/** What `addHosts` is to set as `complex_values`. */
function complexValues(node: Registration, complexes: Complexes): string {
  const { size } = node
  const own = node.features.filter((name) => complexes.get(name)?.type === 'BOOL')
  const memory = memoryConsumables.filter((name) => complexes.get(name)?.consumable !== 'NO' && complexes.has(name))
  return [
    `slots=${slotsOf(node)}`,
    `${names.site}=${node.site}`,
    `${names.type}=${node.type}`,
    `${names.exclusive}=true`,
    `${names.gpu}=${size.gpus}`,
    `${names.features}=${node.features.join('+')}`,
    ...own.map((name) => `${name}=true`),
    ...memory.map((name) => `${name}=${size.memoryMiB}M`),
  ].join(',')
}

/**
 * Takes hosts that nobody uses out of everything that `addHosts` put them into. Resolves to those that Grid Engine would not let
 * go, because a job is there after all; they take no new ones.
 * @param sites all sites that there are host groups for
 */
export async function removeHosts(
  client: SgeClient,
  options: SgeOptions,
  hosts: readonly { readonly name: string; readonly responding: boolean; readonly site: string }[],
): Promise<string[]> {
  const refused: string[] = []
  for (const some of groupsOf(hosts)) {
    const names = some.map((host) => host.name)
    const answering = some.filter((host) => host.responding).map((host) => host.name)
    if (answering.length > 0) await client.attempt(['qconf', '-ke', answering.join(',')])
    for (const name of names) await client.attempt(['qconf', '-purge', 'queue', 'slots', `${options.queue}@${name}`])
    for (const [site, group] of Map.groupBy(some, (host) => host.site)) {
      if (site === '') continue
      const members = group.map((host) => host.name).join(' ')
      await client.attempt(['qconf', '-dattr', 'hostgroup', 'hostlist', members, siteHostGroup(site)])
    }
    await client.attempt(['qconf', '-dattr', 'hostgroup', 'hostlist', names.join(' '), options.hostGroup])
    // -dh would succeed even where -de was refused, and leave half a host.
    const { said } = await client.attempt(['qconf', '-de', names.join(',')])
    const kept = names.filter((name) => said.includes(`"${name}" is still referenced`))
    const gone = names.filter((name) => !kept.includes(name))
    refused.push(...kept)
    if (gone.length === 0) continue
    await client.attempt(['qconf', '-dconf', gone.join(',')])
    await client.attempt(['qconf', '-dh', gone.join(',')])
  }
  return refused
}

/** Notes why hosts take no jobs, or that there is no such reason any more. */
export async function setReason(client: SgeClient, hosts: readonly string[], reason: string): Promise<void> {
  for (const some of groupsOf(hosts)) {
    if (reason === '')
      await client.attempt(['qconf', '-dattr', 'exechost', 'complex_values', names.drainReason, ...some])
    else {
      const value = `${names.drainReason}=${encodeValue(reason)}`
      await client.run(['qconf', '-mattr', 'exechost', 'complex_values', value, ...some])
    }
  }
}

/** Has the queue offer these hosts to new jobs, or not. */
export async function setEnabled(
  client: SgeClient,
  options: SgeOptions,
  hosts: readonly string[],
  enabled: boolean,
): Promise<void> {
  for (const some of groupsOf(hosts)) {
    await client.run(['qmod', enabled ? '-e' : '-d', some.map((name) => `${options.queue}@${name}`).join(',')])
  }
}

function slotsOf(node: Registration): number {
  return Math.max(1, Math.floor(node.size.cpus))
}

function groupsOf<T>(items: readonly T[]): T[][] {
  const groups: T[][] = []
  for (let at = 0; at < items.length; at += hostsAtOnce) groups.push(items.slice(at, at + hostsAtOnce))
  return groups
}
