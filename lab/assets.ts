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

/** The light image of virtual machines: a folder of this machine with these files. */
export const lightImage = { disk: 'disk.qcow2', kernel: 'vmlinuz', initrd: 'initrd' } as const

/** Where they are in the machine's cache; makes what is missing (minutes, and only that needs a network). */
export async function assets(): Promise<Assets> {
  const [image, wandelay] = await Promise.all([made('image/build'), made('wandelay/build')])
  return { image: `${image}/root`, mirror: `${image}/mirror`, wandelay }
}

/** The folder of the light image, as `assets`. */
export function lightImageFolder(): Promise<string> {
  return made('vm/light/build')
}

/**
 * The folder of the stock image of virtual machines, a Debian with systemd and cloud-init: `disk.qcow2`, which boots by BIOS. As
 * `assets`.
 */
export function stockImageFolder(): Promise<string> {
  return made('vm/stock/build')
}

/** The same with the packages of Slurm's role in it. */
export function goldenImageFolder(): Promise<string> {
  return made('vm/stock/build', 'golden')
}

/** Runs a script beside this file that makes something once, and resolves to the path that it prints. */
async function made(script: string, ...words: string[]): Promise<string> {
  return (await must([fileURLToPath(new URL(script, import.meta.url)), ...words], { timeoutMs: 20 * 60_000 })).trim()
}
