import { rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isMissing } from './files.ts'
import { isBodyName, isPartialName, type Layout, namesIn, prefixes, unlinkIfThere } from './layout.ts'
import { sidePath } from './partial-file.ts'
import type { PartialRow, PartialRows } from './partial-rows.ts'
import { mayResume } from './resumable.ts'
import type { Rows } from './rows.ts'

/**
 * Brings files and rows together after whatever end the process before had: finishes what was complete, keeps what can be
 * gone on with, removes files that no row knows and rows whose files are gone. It reads no bodies: what is in them is
 * checked when they are read. Files that don't have names as the store gives them are someone else's, and stay.
 */
export async function recover(layout: Layout, rows: Rows, partials: PartialRows): Promise<void> {
  for (const row of partials.all()) await recoverPartial(layout, rows, partials, row)
  const known = new Set(partials.all().flatMap(({ id }) => [id, sidePath(id)]))
  for (const name of (await namesIn(layout.partials)) ?? []) {
    if (isPartialName(name) && !known.has(name)) await unlinkIfThere(layout.partial(name))
  }
  for (const prefix of prefixes) await recoverBodies(layout, rows, prefix)
}

async function recoverPartial(
  layout: Layout,
  rows: Rows,
  partials: PartialRows,
  { id, head, whole, suspendedAtMs }: PartialRow,
): Promise<void> {
  const path = layout.partial(id)
  const found = await statIfThere(path)
  if (whole) {
    const body = layout.body(whole.sha256)
    const at = found?.size === whole.length ? path : body
    if ((await statIfThere(at))?.size === whole.length) {
      if (at === path) await rename(path, body)
      const floor = rows.leastValue()
      noted(() => rows.keep(head, whole, floor, id))
      return
    }
  } else if (found && mayResume(head) && (await statIfThere(sidePath(path)))) {
    noted(() => partials.noteSuspended(id, found.blocks * 512, suspendedAtMs))
    return
  }
  noted(() => partials.drop(id))
}

async function recoverBodies(layout: Layout, rows: Rows, prefix: string): Promise<void> {
  const missing = rows.bodiesIn(prefix)
  for (const name of (await namesIn(layout.bodies(prefix))) ?? []) {
    if (!missing.delete(name) && isBodyName(name)) await unlinkIfThere(join(layout.bodies(prefix), name))
  }
  if (missing.size > 0) noted(() => rows.dropBodies([...missing.values()]))
}

/**
 * Changes rows. Where a full disk doesn't take that, which the rows tell of, they say what is no more; that shows when
 * somebody asks for it.
 */
function noted(change: () => unknown): void {
  try {
    change()
  } catch {}
}

async function statIfThere(path: string) {
  try {
    return await stat(path)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}
