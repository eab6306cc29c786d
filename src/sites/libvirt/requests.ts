import { CausewayError } from '../../base/errors.ts'
import { scriptError } from '../../base/host-script.ts'
import type { LibvirtConfig } from '../../config/drivers/libvirt.ts'
import { renderNoCloud } from '../cloud-init/no-cloud.ts'
import type { MachineSpec } from '../driver.ts'
import { checkDevice, checkMac, checkName, checkPath } from '../machine-fields.ts'
import { bootSettings, type DomainPlace, domainXml } from './domain-xml.ts'
import { uuidOf } from './identity.ts'

/** A machine to be made at a host. */
export interface CreateRequest {
  readonly spec: MachineSpec
  /** The qcow2 file at the host that its disk lies over. */
  readonly image: string
  readonly place: DomainPlace
}

/** `soft`: a machine that runs is asked to shut down; `now`: its power is cut. */
export type DeleteWay = 'soft' | 'now'

/** What became of one machine of a call. */
export type Answer =
  | { readonly word: 'ok' | 'runs' | 'stopping' | 'gone' }
  | { readonly word: 'failed'; readonly error: CausewayError }

/**
 * One machine's part of what `scripts/site/causeway-libvirt create` reads (its form is described there).
 * @throws CausewayError `InvalidRequest` naming what the script could not take, or `InvalidConfig`
 */
export function renderCreate({ spec, image, place }: CreateRequest, config: LibvirtConfig): string {
  const { id, nic } = spec
  const { firmware, kernel } = bootSettings(config, spec.type)
  const files = firmware === 'kernel' && kernel ? [kernel.kernel, ...(kernel.initrd ? [kernel.initrd] : [])] : []
  const disk = config.types[spec.type]?.disk
  checkMac(nic.mac)
  const { metaData, userData, networkConfig } = renderNoCloud(spec)
  const lines = [
    ['machine', checkName('id', id), uuidOf(id)],
    ['stamp', checkName('name', spec.name), checkName('cluster', spec.cluster), String(place.createdAtMs)],
    ['port', checkDevice('nic.port', nic.port), checkDevice('nic.bridge', nic.bridge)],
    ['image', checkPath('image', image)],
    ...files.map((file) => ['file', checkPath('kernel', file)]),
    ...(disk === undefined ? [] : [['size', String(disk)]]),
    ['reserve', String(Math.ceil(config.reserve.disk / 2 ** 20))],
    ['xml', base64(domainXml(spec, config, place))],
    ['seed', 'meta-data', base64(metaData)],
    ['seed', 'user-data', base64(userData)],
    ['seed', 'network-config', base64(networkConfig)],
  ]
  return lines.map((line) => `${line.join(' ')}\n`).join('')
}

/** One machine's part of what `causeway-libvirt delete` reads. */
export function renderDelete(id: string, way: DeleteWay): string {
  return `machine ${checkName('id', id)} ${uuidOf(id)} ${way}\n`
}

/**
 * Reads the answers of the script, one a line, by id.
 * @throws CausewayError `MalformedOutput`
 */
export function parseAnswers(text: string, host: string): ReadonlyMap<string, Answer> {
  const answers = new Map<string, Answer>()
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const [word, id, status, message = '', ...rest] = line.split(' ')
    if (id === undefined || rest.length > 0) throw malformed(line)
    if ((word === 'ok' || word === 'runs' || word === 'stopping' || word === 'gone') && status === undefined) {
      answers.set(id, { word })
    } else if (word === 'failed' && status !== undefined && /^\d{1,3}$/.test(status)) {
      const text = Buffer.from(message, 'base64').toString().trim()
      answers.set(id, { word, error: scriptError(Number(status), `${host}: machine ${id}: ${text}`, { host, id }) })
    } else throw malformed(line)
  }
  return answers
}

function malformed(line: string): CausewayError {
  return new CausewayError('MalformedOutput', `not an answer about a machine: ${JSON.stringify(line.slice(0, 200))}`)
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
