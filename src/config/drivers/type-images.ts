import type { ControllerConfig } from '../controller-schema.ts'
import { type Problem, problemAt } from '../explain.ts'
import { plainPathPattern } from '../fields.ts'
import { imageForm, imagePattern } from '../images-schema.ts'

/** What the images of node types must look like, as the driver's own has to; drivers that are not here take what their site knows. */
const forms: Readonly<Record<string, readonly [pattern: string, words: string]>> = {
  libvirt: [imagePattern, imageForm],
  namespace: [plainPathPattern, 'an absolute path'],
}

/** Images of node types that no machine of their site could be made of. */
export function* unusableImages({ sites }: Pick<ControllerConfig, 'sites'>): Generator<Problem> {
  for (const [site, { driver, types }] of Object.entries(sites)) {
    const [pattern, words] = forms[driver.kind] ?? []
    if (pattern === undefined) continue
    for (const [type, { image }] of Object.entries(types ?? {})) {
      if (image === undefined || new RegExp(pattern).test(image)) continue
      const path = ['sites', site, 'types', type, 'image']
      yield problemAt(path, `expected ${words}, got ${JSON.stringify(image)}`)
    }
  }
}
