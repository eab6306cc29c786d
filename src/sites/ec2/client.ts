import type { EC2 } from '@aws-sdk/client-ec2'
import type { Clock } from '../../base/clock.ts'
import { CausewayError } from '../../base/errors.ts'
import type { Ec2Settings } from '../../config/drivers/ec2.ts'
import { ec2Failure } from './errors.ts'

/** How long a connection may take to come about, ms. */
const connectsWithinMs = 5000

/** How long credentials out of a file are used before the file is read again, ms. */
const credentialsKeptMs = 300_000

/** Pauses before something that changes nothing is asked again, ms. */
const pausesMs = [200, 1000]

/** A question that took longer than this until it failed is not asked again, ms: whoever asked has waited enough. */
const patienceMs = 5000

/** One page of a list. */
type Page<K extends string, T> = { readonly [k in K]?: T[] | undefined } & { NextToken?: string | undefined }

/** How an `Ec2Api` is reached. */
export interface Ec2ApiOptions {
  readonly site: string
  readonly settings: Pick<Ec2Settings, 'region' | 'endpoint' | 'credentials'>
  readonly clock: Clock
  /** How long an answer may take, ms. */
  readonly answersWithinMs: number
}

/**
 * The way to the EC2 API of one region. The SDK is loaded by the first call, so that it costs nobody who has no such site.
 * The SDK itself repeats nothing: what a broken connection left undone is the driver's to find out, and the pace after
 * throttling is the engine's to choose.
 */
export class Ec2Api {
  readonly site: string
  readonly #options: Ec2ApiOptions
  #client: Promise<EC2> | null = null

  constructor(options: Ec2ApiOptions) {
    this.site = options.site
    this.#options = options
  }

  /**
   * Carries out one call.
   * @param action its name, for messages
   * @throws CausewayError as `ec2Failure` maps it
   */
  async act<T>(action: string, ask: (ec2: EC2) => Promise<T>): Promise<T> {
    try {
      this.#client ??= open(this.#options)
      return await ask(await this.#client)
    } catch (thrown) {
      throw ec2Failure(thrown, { site: this.site, action })
    }
  }

  /** A call that changes nothing: when its connection breaks it is made twice more. @throws CausewayError */
  async read<T>(action: string, ask: (ec2: EC2) => Promise<T>): Promise<T> {
    const { clock } = this.#options
    const untilMs = clock.now() + patienceMs
    for (let tried = 0; ; tried += 1) {
      try {
        return await this.act(action, ask)
      } catch (error) {
        const pauseMs = pausesMs[tried]
        const broken = (error as CausewayError).code === 'HostUnreachable'
        if (!broken || pauseMs === undefined || clock.now() > untilMs) throw error
        await clock.sleep(pauseMs)
      }
    }
  }

  /**
   * All that a call lists, which changes nothing, page after page.
   * @param list where its answers have them
   * @throws CausewayError also `MalformedOutput`, for an answer without a list is not EC2's: a proxy's page must not look
   *   like an empty site
   */
  async all<K extends string, T>(
    action: string,
    list: K,
    ask: (ec2: EC2, page: { NextToken?: string }) => Promise<Page<K, T>>,
  ): Promise<T[]> {
    const found: T[] = []
    let token: string | undefined
    do {
      const page = await this.read(action, (ec2) => ask(ec2, token === undefined ? {} : { NextToken: token }))
      const items = page[list]
      if (!items) throw new CausewayError('MalformedOutput', `${this.site}: ${action}: not an answer of EC2`)
      for (const item of items) found.push(item)
      token = page.NextToken || undefined
    } while (token !== undefined)
    return found
  }

  /** Ends the connections that are kept open. */
  async close(): Promise<void> {
    const client = await this.#client
    client?.destroy()
  }
}

async function open({ settings, answersWithinMs }: Ec2ApiOptions): Promise<EC2> {
  const { region, endpoint, credentials } = settings
  const { EC2 } = await import('@aws-sdk/client-ec2')
  return new EC2({
    region,
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: connectsWithinMs,
      requestTimeout: answersWithinMs,
      throwOnRequestTimeout: true,
    },
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials: () => fromFile(credentials) }),
  })
}

/** Keys change while the controller runs, so that what the file says is good for some minutes only. */
async function fromFile({ file, profile }: NonNullable<Ec2Settings['credentials']>) {
  const { fromIni } = await import('@aws-sdk/credential-provider-ini')
  const found = await fromIni({ filepath: file, configFilepath: file, profile, ignoreCache: true })()
  const soon = new Date(Date.now() + credentialsKeptMs)
  return { ...found, expiration: found.expiration && found.expiration < soon ? found.expiration : soon }
}
