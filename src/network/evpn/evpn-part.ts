import { toCausewayError } from '../../base/errors.ts'
import type { Host } from '../../base/host.ts'
import { HostScript } from '../../base/host-script.ts'
import type { Overlay } from '../overlay.ts'
import type { Failure, Part, Task } from '../part.ts'
import { type Change, changeOf } from './change.ts'
import { type FrrConfig, frrConfig } from './frr-config.ts'
import { parseFound } from './parse-found.ts'
import { speakerOf } from './speaker.ts'

/**
 * zebra and bgpd of FRR on a gateway, in a pathspace of their own (`causeway-VNI`), beside whatever FRR the machine has. What
 * they do to the kernel's entries is theirs; this part sees to it that they run, with the right configuration.
 */
export const evpnPart: Part = {
  /** @throws CausewayError as `speakerOf`, `Host.exec` and `HostScript.call`; `MalformedOutput`. */
  async look(host: Host, overlay: Overlay, gateway: string): Promise<Task> {
    const speaker = speakerOf(overlay, gateway)
    if (speaker === null) return lookForRest(host, overlay.vni)
    const config = frrConfig(speaker)
    const found = parseFound(await scriptOf(host).call([String(overlay.vni), 'look']))
    const change = changeOf(found, config)
    const apply = () => scriptOf(host).call([String(overlay.vni), 'apply'], request(config, change))
    return task(change.words, apply)
  },
  async lookToRemove(host: Host, vni: number): Promise<Task> {
    return lookForRest(host, vni)
  },
}

/** Where a cluster's daemons have their files. */
function folderOf(vni: number): string {
  return `/run/frr/causeway-${vni}`
}

/** What was left from when EVPN was in use. Needs no script on the host where there is nothing. */
async function lookForRest(host: Host, vni: number): Promise<Task> {
  const { code } = await host.exec(['test', '-e', folderOf(vni)])
  if (code !== 0) return task([], async () => '')
  return task(['frr: stop and remove zebra and bgpd'], () => scriptOf(host).call([String(vni), 'remove']))
}

const scripts = new WeakMap<Host, HostScript>()

function scriptOf(host: Host): HostScript {
  const known = scripts.get(host)
  if (known !== undefined) return known
  const script = new HostScript(host, 'scripts/site/causeway-evpn')
  scripts.set(host, script)
  return script
}

/** The script's request: a word and a line each, and `end`, without which it was cut short. */
function request({ zebra, bgpd }: FrrConfig, { start, live }: Change): string {
  const lines = [
    `start ${start ? 'yes' : 'no'}`,
    ...zebra.map((line) => `zebra ${line}`),
    ...bgpd.map((line) => `bgpd ${line}`),
    ...live.map((line) => `live ${line}`),
    'end',
  ]
  return `${lines.join('\n')}\n`
}

function task(words: readonly string[], act: () => Promise<string>): Task {
  const run = async (): Promise<readonly Failure[]> => {
    try {
      await act()
      return []
    } catch (thrown) {
      const error = toCausewayError(thrown)
      // A host that can't be reached is no refusal; what the script or its programs said is.
      if (!['CommandFailed', 'CommandTimeout', 'InvalidRequest'].includes(error.code)) throw error
      return [{ command: words.join('; '), reason: error.message }]
    }
  }
  return { commands: words, pending: [], run }
}
