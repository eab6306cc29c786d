import { stripVTControlCharacters } from 'node:util'
import type { Clock } from '../base/clock.ts'
import { type ErrorCode, toCausewayError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Driver } from '../sites/driver.ts'
import type { EventStore } from '../store/event-store.ts'
import type { NodeRecord } from '../store/node-record.ts'

/** Failures of a machine that was there: what it printed may say why. */
const ofMachine: ReadonlySet<string> = new Set<ErrorCode>([
  'BootTimeout',
  'InstallTimeout',
  'EnrolTimeout',
  'NodeReportedFailure',
])

/** The most that is kept, characters. */
const kept = 4096

/** What keeping it takes. */
interface Keeper {
  readonly clock: Clock
  readonly log: Logger
  readonly events: EventStore
  readonly drivers: ReadonlyMap<string, Driver>
}

/**
 * Keeps the end of what the machine of a failed life printed as an event, since it goes with the machine. Where it is not to
 * be had, that keeps nobody from going on.
 */
export async function keepConsole(node: NodeRecord, tools: Keeper): Promise<void> {
  if (!ofMachine.has(node.failure?.code ?? '')) return
  let printed: string
  try {
    printed = (await tools.drivers.get(node.site)?.console(node.id)) ?? ''
  } catch (error) {
    tools.log.warn({ node: node.name, id: node.id, err: toCausewayError(error) }, 'its console could not be read')
    return
  }
  const console = readable(printed).slice(-kept)
  const last = console.split('\n').findLast((line) => line.trim() !== '')
  if (last === undefined) return
  await tools.events.append({
    atMs: tools.clock.now(),
    kind: 'console',
    site: node.site,
    nodeId: node.id,
    nodeName: node.name,
    code: 'Console',
    text: `its machine printed last: ${last.trim().slice(0, 300)}`,
    facts: { console },
    jobs: [],
  })
}

/** Text for people and terminals: without what firmware and kernels send to move the cursor. */
function readable(printed: string): string {
  const lines = stripVTControlCharacters(printed.replaceAll('\r\n', '\n').replaceAll('\r', '\n'))
  return lines.replaceAll(/[^\n\t\P{Cc}]/gu, '')
}
