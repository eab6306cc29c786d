import type { Host } from '../../base/host.ts'
import { HostScript } from '../../base/host-script.ts'

const scripts = new WeakMap<Host, HostScript>()

/** `scripts/site/causeway-wireguard` at a gateway. */
export function tunnelScript(host: Host): HostScript {
  const found = scripts.get(host) ?? new HostScript(host, 'scripts/site/causeway-wireguard')
  scripts.set(host, found)
  return found
}
