import { fileURLToPath } from 'node:url'
import { must } from './process.ts'

/** What the lab needs and does not make anew each time. */
export interface Assets {
  /** The nodes' root file system, a folder. */
  readonly image: string
  /** The apt repository, a folder. */
  readonly mirror: string
  /** The WAN cable's program. */
  readonly wandelay: string
}

/** Where they are in the machine's cache; makes what is missing (minutes, and only that needs a network). */
export async function assets(): Promise<Assets> {
  const made = (script: string) =>
    must([fileURLToPath(new URL(script, import.meta.url))], { timeoutMs: 20 * 60_000 }).then((path) => path.trim())
  const [image, wandelay] = await Promise.all([made('image/build'), made('wandelay/build')])
  return { image: `${image}/root`, mirror: `${image}/mirror`, wandelay }
}
