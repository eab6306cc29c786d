import { type Static, Type } from 'typebox'
import type { Host } from '../../base/host.ts'
import { HostScript } from '../../base/host-script.ts'
import { answerReader } from '../http/json-answer.ts'
import { digestPattern, hostImageFolder } from './image-name.ts'

const Digest = Type.String({ pattern: digestPattern })
const Count = Type.Integer({ minimum: 0 })

const ImageAtHost = Type.Object({
  digest: Digest,
  bytes: Count,
  /** How many machines' disks lie on it. */
  machines: Count,
})

/** An image that a host has. */
export type ImageAtHost = Static<typeof ImageAtHost>

const readListed = answerReader(ImageAtHost)
const readBrought = answerReader(
  Type.Object({ state: Type.Union([Type.Literal('there'), Type.Literal('coming')]), bytes: Count }),
)
const readRemoved = answerReader(
  Type.Object({ removed: Type.Boolean(), why: Type.Union([Type.String(), Type.Null()]) }),
)
const readInspected = answerReader(Type.Object({ digest: Digest, bytes: Count, whole: Type.Boolean() }))

/** The images of one host, by way of `scripts/site/causeway-image` there. All methods throw as `HostScript.call`. */
export class HostImages {
  readonly #host: Host
  readonly #folder: string
  readonly #script: HostScript

  /** @param bin folder on the host for the script */
  constructor(host: Host, { folder = hostImageFolder, bin }: { folder?: string; bin?: string | undefined } = {}) {
    this.#host = host
    this.#folder = folder
    this.#script = new HostScript(host, 'scripts/site/causeway-image', bin)
  }

  async list(): Promise<readonly ImageAtHost[]> {
    const lines = (await this.#script.call([this.#folder, 'list'])).split('\n').filter((line) => line !== '')
    return lines.map((line) => readListed(`${this.#host.name}: causeway-image list`, line))
  }

  /**
   * Has the host fetch an image, or tells how far it is: returns within some ten seconds, and is to be called again while
   * it is `coming`. The fetch goes on whether anybody asks or not.
   * @param sources URLs of the folders that may have it, the best first
   * @throws CausewayError `ImageMissing` when no source has it as it should be, `InsufficientCapacity` when the disk has no
   *   room, `CommandFailed` (may help to try again) when no source answers
   */
  async bring(digest: string, bytes: number, sources: readonly string[]) {
    const urls = sources.map((source) => `${source}/sha256-${digest}.qcow2\n`)
    const argv = [this.#folder, 'bring', digest, String(bytes)]
    return readBrought(
      `${this.#host.name}: causeway-image bring`,
      await this.#script.call(argv, `${urls.join('')}end\n`),
    )
  }

  /**
   * Removes an image unless a machine uses it or it was brought or asked for in the last `ageMs`; says why it stays.
   * @param look only say it: `why` is null where nothing keeps the image
   */
  async remove(digest: string, ageMs: number, { look = false } = {}) {
    const argv = [this.#folder, 'remove', digest, String(Math.ceil(ageMs / 1000)), ...(look ? ['look'] : [])]
    return readRemoved(`${this.#host.name}: causeway-image remove`, await this.#script.call(argv))
  }

  /** Reads an image whole, and says whether it still is what its name says. */
  async inspect(digest: string) {
    const said = await this.#script.call([this.#folder, 'inspect', digest])
    return readInspected(`${this.#host.name}: causeway-image inspect`, said)
  }
}
