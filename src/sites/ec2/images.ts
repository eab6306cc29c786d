import type { DescribeImagesCommandInput, Image } from '@aws-sdk/client-ec2'
import type { Clock } from '../../base/clock.ts'
import { CausewayError } from '../../base/errors.ts'
import type { Ec2Api } from './client.ts'
import { ec2Code } from './errors.ts'

/** How long it is taken for granted which AMI an image is, ms. */
const keptMs = 600_000

/** An AMI that machines can be made from. */
export interface Ami {
  readonly imageId: string
  /** The name of its root device, under which its size and encryption are set. */
  readonly rootDevice: string
}

/** Finds AMIs by what the configuration calls them, and remembers them for ten minutes. */
export class AmiFinder {
  readonly #api: Ec2Api
  readonly #clock: Clock
  readonly #found = new Map<string, { readonly ami: Promise<Ami>; readonly atMs: number }>()

  constructor(api: Ec2Api, clock: Clock) {
    this.#api = api
    this.#clock = clock
  }

  /** @throws CausewayError `ImageMissing`, or as the API fails */
  find(image: string): Promise<Ami> {
    const known = this.#found.get(image)
    if (known && this.#clock.now() - known.atMs < keptMs) return known.ami
    const ami = this.#ask(image)
    this.#found.set(image, { ami, atMs: this.#clock.now() })
    ami.catch(() => this.forget(image))
    return ami
  }

  /** Looks anew the next time: the AMI that was found is none any more. */
  forget(image: string): void {
    this.#found.delete(image)
  }

  async #ask(image: string): Promise<Ami> {
    const { site } = this.#api
    const query = imageQuery(image)
    if (!query) {
      throw missing(site, image, 'EC2 takes ami-ID, sha256:DIGEST (of the tag causeway:image) or OWNER/NAME')
    }
    let images: readonly Image[]
    try {
      images = await this.#api.all('DescribeImages', 'Images', (ec2, page) => ec2.describeImages({ ...query, ...page }))
    } catch (error) {
      if (error instanceof CausewayError && ec2Code(error).startsWith('InvalidAMIID.')) {
        throw missing(site, image, error.message, error)
      }
      throw error
    }
    const newest = images
      .filter(({ State }) => State === 'available')
      .sort((a, b) => ((a.CreationDate ?? '') < (b.CreationDate ?? '') ? 1 : -1))[0]
    if (newest?.ImageId && newest.RootDeviceName) return { imageId: newest.ImageId, rootDevice: newest.RootDeviceName }
    const states = images.map(({ ImageId, State }) => `${ImageId} is ${State}`).join(', ')
    throw missing(site, image, states || 'there is none in this region that the account may use')
  }
}

/** What to ask EC2 for; null when it is not the name of an image there. */
function imageQuery(image: string): DescribeImagesCommandInput | null {
  if (/^ami-[0-9a-f]{8,17}$/.test(image)) return { ImageIds: [image] }
  // Whoever may tag an AMI of another account could otherwise name what our machines boot.
  if (/^sha256:[0-9a-f]{64}$/.test(image)) {
    return { Owners: ['self'], Filters: [{ Name: 'tag:causeway:image', Values: [image] }] }
  }
  const [, owner, name] = /^(self|amazon|[0-9]{12})\/(\S+)$/.exec(image) ?? []
  return owner && name ? { Owners: [owner], Filters: [{ Name: 'name', Values: [name] }] } : null
}

function missing(site: string, image: string, why: string, cause?: unknown): CausewayError {
  return new CausewayError('ImageMissing', `${site}: no image ${image}: ${why}`, { cause })
}
