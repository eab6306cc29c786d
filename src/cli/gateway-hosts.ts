import { CausewayError } from '../base/errors.ts'
import type { Host } from '../base/host.ts'
import type { ControllerConfig } from '../config/controller-schema.ts'
import { furtherHosts } from '../config/further-hosts.ts'
import { headGateway } from '../elastic/overlay-from-nodes.ts'
import { LocalHost } from '../sites/local-host.ts'
import { SshHost } from '../sites/ssh-host.ts'

/**
 * The hosts of all gateways by name: the head itself, and every site's over SSH, with the further hosts of pools. Close
 * them in the end.
 */
export function gatewayHosts({ head, sites }: Pick<ControllerConfig, 'head' | 'sites'>): ReadonlyMap<string, Host> {
  const ofSites = Object.entries(sites).map(
    ([name, { gateway }]) => [name, new SshHost({ name, ...gateway.ssh })] as const,
  )
  const further = furtherHosts({ sites }).map(
    ({ gateway, ssh }) => [gateway, new SshHost({ name: gateway, ...ssh })] as const,
  )
  return new Map<string, Host>([[headGateway, new LocalHost(head.name)], ...ofSites, ...further])
}

/** The host of a gateway. @throws CausewayError `NotFound` when there is none */
export function hostOf(hosts: ReadonlyMap<string, Host>, gateway: string): Host {
  const host = hosts.get(gateway)
  if (!host) throw new CausewayError('NotFound', `there is no host for gateway ${gateway}`)
  return host
}

/** Does something with the hosts of all gateways, and closes them. */
export async function withGatewayHosts<T>(
  config: ControllerConfig,
  act: (hosts: ReadonlyMap<string, Host>) => Promise<T>,
): Promise<T> {
  const hosts = gatewayHosts(config)
  try {
    return await act(hosts)
  } finally {
    await Promise.all([...hosts.values()].map((host) => host.close()))
  }
}
