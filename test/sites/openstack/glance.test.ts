import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { ScratchCloud } from './scratch-cloud.ts'

const sha256 = 'a'.repeat(64)
const sha512 = 'b'.repeat(128)

describe('Images in Glance', () => {
  let scratch: ScratchCloud
  beforeEach(async () => {
    scratch = await ScratchCloud.create()
    const { images } = scratch.cloud
    images.length = 0
    const digest = { os_hash_algo: 'sha512', os_hash_value: sha512 }
    images.push(
      {
        id: '10000000-0000-4000-8000-000000000000',
        name: 'node',
        status: 'active',
        created_at: '2026-01-01T00:00:00Z',
        ...digest,
      },
      {
        id: '20000000-0000-4000-8000-000000000000',
        name: 'node',
        status: 'active',
        created_at: '2026-02-01T00:00:00Z',
        causeway_sha256: sha256,
      },
      {
        id: '30000000-0000-4000-8000-000000000000',
        name: 'node',
        status: 'queued',
        created_at: '2026-03-01T00:00:00Z',
      },
      { id: '40000000-0000-4000-8000-000000000000', name: 'late', status: 'saving' },
    )
  })
  afterEach(() => scratch.close())

  /** The first digit of the id of the image that was used. */
  async function used(image: string): Promise<string> {
    const driver = scratch.driver()
    await driver.create(scratch.spec('a', { image }))
    const id = String(scratch.cloud.serverOf('a').body.imageRef)
    await driver.delete('a')
    return id.slice(0, 1)
  }

  it('are found by name, the newest that is ready, on whatever page', async () => {
    scratch.cloud.pageSize = 1
    assert.equal(await used('node'), '2')
  })

  it('are found by id and by digest', async () => {
    assert.equal(await used('10000000-0000-4000-8000-000000000000'), '1')
    assert.equal(await used(`sha512:${sha512}`), '1')
    assert.equal(await used(`sha256:${sha256}`), '2')
  })

  it('are missing where no name, id or digest is theirs, or they are not ready', async () => {
    const wanted = ['none', `sha256:${'c'.repeat(64)}`, '90000000-0000-4000-8000-000000000000']
    for (const image of wanted) {
      const create = scratch.driver().create(scratch.spec('a', { image }))
      await assert.rejects(create, { code: 'ImageMissing', message: new RegExp(`has no image ${image}`) })
    }
    const late = scratch.driver().create(scratch.spec('a', { image: 'late' }))
    await assert.rejects(late, { code: 'ImageMissing', message: /not ready: its status is saving/ })
  })
})
