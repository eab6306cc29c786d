import { type Clock, systemClock } from '../base/clock.ts'
import { CausewayError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { ControllerConfig } from '../config/controller-schema.ts'
import { furtherGateway, poolOf } from '../config/further-hosts.ts'
import { anyAddress, imageOrigin } from '../config/images-schema.ts'
import { listenOnTcp } from '../hooks/listen.ts'
import { readImageReference } from '../sites/images/image-name.ts'
import { imageServer } from '../sites/images/image-server.ts'
import { HeadImages, type ImageSource } from '../sites/images/image-source.ts'
import { ImageStore } from '../sites/images/image-store.ts'
import { LocalHost } from '../sites/local-host.ts'

/** The parts of a configuration that say where images are and who uses them. */
export type ImageConfig = Pick<ControllerConfig, 'head' | 'images' | 'sites'>

/** A host that keeps images, with the site that it is of. */
export interface ImageHost {
  readonly site: string
  /** Its name among the gateways: `SITE` or `SITE/HOST`. */
  readonly name: string
}

/** The store of the head. */
export function imageStoreOf({ head, images }: Pick<ImageConfig, 'head' | 'images'>): ImageStore {
  return new ImageStore(images.folder, new LocalHost(head.name), systemClock)
}

/** How the hosts of a site get images. */
export function imageSourceOf(config: ImageConfig, site: string): ImageSource {
  return new HeadImages({ store: imageStoreOf(config), sources: sourcesOf(config, site), clock: systemClock })
}

/** Where the hosts of a site can fetch images: from their cache, which fetches each once, else from the head. */
export function sourcesOf({ head, images, sites }: ImageConfig, site: string): readonly string[] {
  const { listen, url } = images
  if (listen === undefined) return []
  const { gateway, cache } = sites[site] as ControllerConfig['sites'][string]
  const [own = '', port] = listen.split(':')
  const direct = url ?? `http://${own === anyAddress ? authority(head.underlay) : own}:${port}`
  return cache ? [`http://${authority(gateway.underlay)}:${cache.port}/http/${imageOrigin}`, direct] : [direct]
}

/** Serves the head's images to the sites if the configuration says where. @returns stops it */
export function serveImages({ folder, listen }: ImageConfig['images'], clock: Clock, log: Logger): () => Promise<void> {
  if (listen === undefined) return () => Promise.resolve()
  const server = imageServer(folder)
  const stopTrying = listenOnTcp(server, listen, clock, log)
  return async () => {
    stopTrying()
    await server.close()
  }
}

function authority(address: string): string {
  return address.includes(':') ? `[${address}]` : address
}

/** The hosts that keep images: those of sites with libvirt. */
export function imageHosts({ sites }: Pick<ImageConfig, 'sites'>): readonly ImageHost[] {
  return Object.entries(sites).flatMap(([site, { driver }]) => {
    if (driver.kind !== 'libvirt') return []
    const pool = Object.entries(poolOf(driver))
    if (pool.length === 0) return [{ site, name: site }]
    return pool.map(([host, { gateway }]) => ({ site, name: gateway ? site : furtherGateway(site, host) }))
  })
}

/** The digests of the images that machines may be made of. @throws CausewayError `ImageMissing` for a name not in the store */
export async function configuredDigests(
  { sites }: Pick<ImageConfig, 'sites'>,
  store: ImageStore,
): Promise<Set<string>> {
  const digests = new Set<string>()
  for (const { driver, types } of Object.values(sites)) {
    if (driver.kind !== 'libvirt') continue
    const images = [
      driver.image,
      ...Object.values(types ?? {}).flatMap(({ image }) => (image === undefined ? [] : [image])),
    ]
    for (const image of images) {
      if (readImageReference(image).kind !== 'path') digests.add(await store.resolve(image))
    }
  }
  return digests
}

/** The hosts of a site, or the one named, as a command line says. @throws CausewayError `InvalidRequest` when there is none */
export function chosenHosts(
  config: Pick<ImageConfig, 'sites'>,
  { site, host }: { readonly site?: string | undefined; readonly host?: string | undefined },
): readonly ImageHost[] {
  const all = imageHosts(config)
  const chosen = all.filter(
    (one) =>
      (site === undefined || one.site === site) &&
      (host === undefined || one.name === host || one.name === `${one.site}/${host}`),
  )
  if (chosen.length > 0) return chosen
  const names = all.map(({ name }) => name).join(', ') || 'none: no site has libvirt'
  throw new CausewayError('InvalidRequest', `no such host keeps images; those that do: ${names}`)
}
