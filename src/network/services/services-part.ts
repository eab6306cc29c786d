import { CausewayError, toCausewayError } from '../../base/errors.ts'
import type { Host } from '../../base/host.ts'
import { HostScript } from '../../base/host-script.ts'
import type { Overlay } from '../overlay.ts'
import type { Failure, Part, Task } from '../part.ts'
import { type ServiceFile, serviceFiles, servicesRoot } from './service-files.ts'
import { parseStatus, type ServicesStatus } from './status.ts'

/**
 * DHCP and DNS on a gateway, for its own site: a dnsmasq that serves the cluster's bridge from files that are written here.
 * What the gateway does with them is in `scripts/site/causeway-services`.
 */
export const servicesPart: Part = {
  /** @throws CausewayError as `serviceFiles` and `HostScript.call`; `MalformedOutput`. */
  async look(host: Host, overlay: Overlay, gateway: string): Promise<Task> {
    const { services, vni } = overlay
    if (services === null) return servicesPart.lookToRemove(host, vni)
    const wanted = serviceFiles(overlay, services, gateway)
    const script = scriptOn(host)
    const status = parseStatus(await script.call([servicesRoot, 'status', String(vni)]))
    const { commands, stdin } = difference(status, wanted)
    return task(commands, () => script.call([servicesRoot, 'apply', String(vni)], stdin))
  },

  async lookToRemove(host: Host, vni: number): Promise<Task> {
    const folder = `${servicesRoot}/${vni}`
    const { code, stderr } = await host.exec(['test', '-e', folder])
    if (code > 1) throw new CausewayError('CommandFailed', `${host.name}: test -e ${folder}: ${stderr.trim()}`)
    const commands = code === 0 ? ['services: remove'] : []
    return task(commands, () => scriptOn(host).call([servicesRoot, 'remove', String(vni)]))
  },
}

const scripts = new WeakMap<Host, HostScript>()

/** One for each host, so that it remembers that the script is there. */
function scriptOn(host: Host): HostScript {
  const script = scripts.get(host) ?? new HostScript(host, 'scripts/site/causeway-services')
  scripts.set(host, script)
  return script
}

/** What must change, in words and as the script takes it. Deleted files come last. */
function difference(
  { dnsmasq, digests }: ServicesStatus,
  wanted: ReadonlyMap<string, ServiceFile>,
): { readonly commands: readonly string[]; readonly stdin: string } {
  const commands: string[] = []
  let stdin = ''
  for (const [path, { text, digest }] of wanted) {
    if (digests.get(path) === digest) continue
    commands.push(`services: write ${path}`)
    stdin += `=${path}\n${text.replaceAll(/^(?=.)/gm, '+')}`
  }
  for (const path of digests.keys()) {
    if (wanted.has(path)) continue
    commands.push(`services: delete ${path}`)
    stdin += `-${path}\n`
  }
  if (dnsmasq === 'dead') commands.push('services: start dnsmasq')
  else if (dnsmasq === 'stale') commands.push('services: have dnsmasq read its files')
  return { commands, stdin: `${stdin}.\n` }
}

function task(commands: readonly string[], act: () => Promise<unknown>): Task {
  return {
    commands,
    pending: [],
    async run(): Promise<readonly Failure[]> {
      try {
        await act()
        return []
      } catch (thrown) {
        const error = toCausewayError(thrown)
        if (error.code !== 'CommandFailed' && error.code !== 'InvalidRequest') throw error
        return [{ command: commands.join('; '), reason: error.message }]
      }
    },
  }
}
