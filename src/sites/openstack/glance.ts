import { CausewayError } from '../../base/errors.ts'
import { answerReader } from '../http/json-answer.ts'
import type { CloudApi } from './cloud-api.ts'
import { isAbsent } from './errors.ts'
import { Image, ImagesPage } from './schemas.ts'

const read = { images: answerReader(ImagesPage), image: answerReader(Image) }
const digestForm = /^(sha256|sha512):([0-9a-f]{64}|[0-9a-f]{128})$/
const idForm = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i

/**
 * The id of an image in Glance (OpenStack's image service, API v2).
 * @param wanted its name, its id, or a digest of its file as `sha256:HEX` or `sha512:HEX`. Of several the newest is taken.
 * @throws CausewayError `ImageMissing`, and as in `CloudApi.ask`
 */
export async function findImage(api: CloudApi, site: string, wanted: string): Promise<string> {
  const found = await candidates(api, wanted)
  const usable = found.filter(({ status }) => status === 'active')
  const [newest] = usable.toSorted((a, b) => (b.created_at ?? '').localeCompare(a.created_at ?? ''))
  if (newest) return newest.id
  const [other] = found
  const why = other ? `image ${wanted} is not ready: its status is ${other.status}` : `Glance has no image ${wanted}`
  throw new CausewayError('ImageMissing', `${site}: ${why}`)
}

async function candidates(api: CloudApi, wanted: string): Promise<Image[]> {
  const [, algorithm, hex = ''] = digestForm.exec(wanted) ?? []
  if (algorithm !== undefined) {
    // Looked at again here: a Glance that does not know a filter may give all that it has.
    const computed = (await list(api, { os_hash_value: hex })).filter(
      (image) => image.os_hash_algo === algorithm && image.os_hash_value === hex,
    )
    if (computed.length > 0 || algorithm !== 'sha256') return computed
    return (await list(api, { causeway_sha256: hex })).filter((image) => image.causeway_sha256 === hex)
  }
  const byId = idForm.test(wanted) ? await byIdOf(api, wanted) : []
  return byId.length > 0 ? byId : await list(api, { name: wanted })
}

async function byIdOf(api: CloudApi, id: string): Promise<Image[]> {
  try {
    return [(await api.ask({ service: 'image', path: `/v2/images/${id}` }, read.image)).value]
  } catch (error) {
    if (isAbsent(error)) return []
    throw error
  }
}

async function list(api: CloudApi, filter: Readonly<Record<string, string>>): Promise<Image[]> {
  const path = `/v2/images?${new URLSearchParams(filter).toString()}`
  const { value } = await api.pages('image', path, read.images, ({ next }) => next)
  return value.flatMap(({ images }) => images)
}
