import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { ControllerConfig } from '../../config/controller-schema.ts'
import { DrainStore } from '../../store/drain-store.ts'
import type { NodeRecord } from '../../store/node-record.ts'
import { NodeStore } from '../../store/node-store.ts'
import { openStore } from '../../store/open.ts'

/** What the controller's database has of a site. Only to be used while no controller runs. */
export interface SiteRecords {
  /** Its nodes that are not gone. */
  nodes(): Promise<readonly NodeRecord[]>
  /** Forgets that the site, or hosts of it, are drained: a site that comes back under this name takes nodes. */
  endDrains(): Promise<void>
  /** Gives up its nodes, whatever has become of their machines. */
  giveUp(nowMs: number): Promise<void>
}

/** The records of a site where no controller ever ran. */
const none: SiteRecords = {
  nodes: () => Promise.resolve([]),
  endDrains: () => Promise.resolve(),
  giveUp: () => Promise.resolve(),
}

/** Does something with a site's records, and closes the database. @throws CausewayError `Internal` as `openStore` */
export async function withRecords<T>(
  { controller }: Pick<ControllerConfig, 'controller'>,
  site: string,
  act: (records: SiteRecords) => Promise<T>,
): Promise<T> {
  const file = join(controller.stateDir, 'causeway.db')
  if (!existsSync(file)) return act(none)
  const db = await openStore(file)
  try {
    return await act(recordsOf(new NodeStore(db), new DrainStore(db), site))
  } finally {
    await db.destroy()
  }
}

/** The records of a site in these stores. */
function recordsOf(nodes: NodeStore, drains: DrainStore, site: string): SiteRecords {
  const living = async () => (await nodes.live()).filter((node) => node.site === site)
  return {
    nodes: living,
    async endDrains() {
      for (const drain of await drains.all()) if (drain.site === site) await drains.end(site, drain.host)
    },
    async giveUp(nowMs) {
      const cause = {
        code: 'SiteRemoved',
        text: `site ${site} was removed by force: what became of its machine is not known`,
      }
      for (const { id, phase } of await living()) await nodes.move(id, [phase], 'gone', cause, nowMs)
    },
  }
}
