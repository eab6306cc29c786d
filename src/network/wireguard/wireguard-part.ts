import { CausewayError } from '../../base/errors.ts'
import type { Host } from '../../base/host.ts'
import type { Overlay } from '../overlay.ts'
import type { Failure, Part, Task } from '../part.ts'
import { desiredTunnels } from './desired-tunnels.ts'
import { diffTunnels } from './diff-tunnels.ts'
import { parseTunnels } from './read-tunnels.ts'
import { tunnelScript } from './tunnel-script.ts'

/** The tunnels between the gateways: devices, peers, routes, and the rules that keep the cluster's frames inside them. */
export const wireguardPart: Part = {
  /** @throws CausewayError as `HostScript.call`, `desiredTunnels`, `parseTunnels` and `diffTunnels`. */
  async look(host: Host, overlay: Overlay, gateway: string): Promise<Task> {
    const { encryption } = overlay
    if (encryption === null) return wireguardPart.lookToRemove(host, overlay.vni)
    const desired = desiredTunnels({ ...overlay, encryption }, gateway)
    const actual = parseTunnels(await tunnelScript(host).call(['show', String(overlay.vni)]))
    const lines = diffTunnels(actual, desired)
    return { commands: lines, pending: [], run: () => run(host, lines) }
  },

  async lookToRemove(host: Host, vni: number): Promise<Task> {
    const left = await namesLeft(host, vni)
    const commands = left.length === 0 ? [] : [`remove ${vni}`]
    return { commands, pending: [], run: () => remove(host, vni) }
  },
}

async function run(host: Host, lines: readonly string[]): Promise<readonly Failure[]> {
  const said = await tunnelScript(host).call(['run'], `${lines.join('\n')}\n`)
  return said
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [, number, reason = ''] = /^refused (\d+) ?(.*)$/.exec(line) ?? []
      const command = lines[Number(number) - 1]
      if (command === undefined) {
        throw new CausewayError('MalformedOutput', `${host.name}: causeway-wireguard printed '${line.slice(0, 200)}'`)
      }
      return { command, reason: reason.trim() }
    })
}

async function remove(host: Host, vni: number): Promise<readonly Failure[]> {
  try {
    await tunnelScript(host).call(['remove', String(vni)])
    return []
  } catch (thrown) {
    if (!(thrown instanceof CausewayError) || thrown.code !== 'CommandFailed') throw thrown
    return [{ command: `remove ${vni}`, reason: thrown.message }]
  }
}

/** Devices and key files of a cluster: one cheap command, which also a gateway that never had tunnels answers. */
async function namesLeft(host: Host, vni: number): Promise<readonly string[]> {
  const places = ['/sys/class/net', '/var/lib/causeway/wireguard']
  const { code, stdout, stderr } = await host.exec(['find', ...places, '-maxdepth', '1', '-name', `cwg${vni}[ab]*`])
  // 1: one of the places is not there.
  if (code > 1)
    throw new CausewayError('CommandFailed', `${host.name}: find ended with status ${code}: ${stderr.trim()}`)
  return stdout.split('\n').filter((line) => line !== '')
}
