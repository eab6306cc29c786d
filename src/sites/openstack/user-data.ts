import { CausewayError } from '../../base/errors.ts'
import { compactUserData, renderNoCloud } from '../cloud-init/no-cloud.ts'
import type { MachineSpec } from '../driver.ts'

/** Characters of base64 that Nova takes. */
export const longestUserData = 65_535

/**
 * A machine's user data in base64: as text where that fits, else compressed.
 * @throws CausewayError `InvalidRequest` where it doesn't fit either
 */
export function encodeUserData(spec: MachineSpec): string {
  const plain = Buffer.from(renderNoCloud(spec).userData).toString('base64')
  if (plain.length <= longestUserData) return plain
  const compact = Buffer.from(compactUserData(spec)).toString('base64')
  if (compact.length <= longestUserData) return compact
  throw new CausewayError(
    'InvalidRequest',
    `the seed of ${spec.name} makes user data of ${compact.length} characters, compressed and in base64; Nova takes ` +
      `${longestUserData}: put less into the snippets of its role, or more into the image`,
  )
}
