import { type Answer, type Asked, ok, page } from './answers.ts'
import type { FakeCloud } from './cloud.ts'

/** Glance's images: any property is a filter. */
export function answerGlance(cloud: FakeCloud, { path, query }: Asked): Answer {
  const [, , id] = path.split('/')
  if (id !== undefined) {
    const image = cloud.images.find((one) => one.id === id)
    return image ? ok(image) : { status: 404, body: '<html><head><title>404 Not Found</title></head></html>' }
  }
  const filters = [...query].filter(([key]) => key !== 'marker')
  const found = cloud.images.filter((image) => filters.every(([key, value]) => image[key] === value))
  const part = page(found, cloud.pageSize, query)
  if (!part) return { status: 404, body: '<html><body>marker</body></html>' }
  return ok({ images: part.items, ...(part.next === null ? {} : { next: `/v2/images?${part.next}` }) })
}
