import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { Type } from 'typebox'
import { CausewayError } from '../../base/errors.ts'
import { packageFile } from '../../base/package-file.ts'
import { answerReader } from '../http/json-answer.ts'
import type { ImageStore } from './image-store.ts'
import type { Manifest } from './manifest.ts'
import { builderInput, type Recipe } from './recipe.ts'

const readMade = answerReader(
  Type.Object({ epoch: Type.Integer(), packages: Type.Record(Type.String(), Type.String()) }),
)

/**
 * Makes an image on this machine and adds it to the store under a name. What the builder says of its work, and why it could
 * not go on, goes to this process's stderr. Needs root; takes a minute or more.
 * @throws CausewayError `CommandFailed` when the builder fails
 */
export async function buildImage(store: ImageStore, name: string, recipe: Recipe): Promise<Manifest> {
  const builder = `scripts/image/build-${recipe.family}`
  const work = await store.workFolder()
  try {
    const file = join(work, 'built.qcow2')
    const child = spawn(packageFile(builder), [file], { stdio: ['pipe', 'pipe', 'inherit'] })
    const ended = once(child, 'close')
    // A builder that ends without reading its recipe breaks the pipe; its status tells how it went.
    child.stdin.on('error', () => undefined)
    child.stdin.end(builderInput(recipe))
    const said = await text(child.stdout)
    const [status] = (await ended) as [number | null]
    if (status !== 0) throw new CausewayError('CommandFailed', `the image ${name} was not made: see why above`)
    const { packages } = readMade(builder, said)
    return await store.add(file, name, { recipe: { ...recipe }, packages })
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}
