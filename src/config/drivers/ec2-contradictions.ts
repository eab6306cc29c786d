import type { ControllerConfig } from '../controller-schema.ts'
import { type Problem, problemAt } from '../explain.ts'
import { standardType } from '../node-types.ts'

/** What can't be true together at sites of EC2. */
export function* ec2Contradictions({ sites }: Pick<ControllerConfig, 'sites'>): Generator<Problem> {
  for (const [name, { driver, nodes, types }] of Object.entries(sites)) {
    if (driver.kind !== 'ec2') continue
    const wanted = [...(nodes ? [standardType] : []), ...Object.keys(types ?? {})]
    const path = ['sites', name, 'driver', 'types']
    for (const type of wanted.filter((type) => !(type in driver.types))) {
      yield problemAt([...path, type], 'missing; expected the instance types that nodes of this type may be')
    }
    for (const [type, { market, maxPrice }] of Object.entries(driver.types)) {
      if (maxPrice !== undefined && market === 'on-demand') {
        yield problemAt([...path, type, 'maxPrice'], 'only spot machines have one: remove it, or set `market: spot`')
      }
    }
  }
}
