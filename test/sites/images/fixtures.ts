import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import { systemClock } from '../../../src/base/clock.ts'
import { ImageStore } from '../../../src/sites/images/image-store.ts'
import type { Manifest } from '../../../src/sites/images/manifest.ts'
import { LocalHost } from '../../../src/sites/local-host.ts'
import { atEnd } from '../../cache/cleanup.ts'
import { bytesFor } from '../../cache/origin.ts'

const run = promisify(execFile)

/** A folder that goes when the test ends. */
async function scratchFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'causeway-images-'))
  atEnd(t, () => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A qcow2 file with content of its own, about as large as said. */
export async function makeQcow2(file: string, content: string, bytes = 300_000): Promise<void> {
  await writeFile(`${file}.raw`, bytesFor(content, Math.ceil(bytes / 512) * 512))
  await run('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', `${file}.raw`, file])
  await rm(`${file}.raw`)
}

/** A store in a folder of its own, with its helpers. */
export async function makeStore(t: TestContext, now = () => systemClock.now()) {
  const folder = await scratchFolder(t)
  const store = new ImageStore(join(folder, 'images'), new LocalHost('head'), { ...systemClock, now })
  /** Makes an image of its own content and adds it. */
  const add = async (name: string, content = name, bytes?: number): Promise<Manifest> => {
    const file = join(folder, 'new.qcow2')
    await makeQcow2(file, content, bytes)
    return await store.add(file, name, null)
  }
  return { folder, store, add }
}
