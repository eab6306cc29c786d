import { constants } from 'node:fs'
import { chmod, chown, lstat, mkdir, open, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { CausewayError, toCausewayError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'

/** How often the folder is looked at, ms: scripts deliver by themselves at the next hook. */
const lookMs = 2000

/** Largest file that is read, bytes: more than the script keeps. */
const maximumBytes = 1024 * 1024

/** A draft that is older than this was left by a script that was killed, ms. */
const staleDraftMs = 3_600_000

/** What the spool stands on. */
export interface SpoolOptions {
  readonly folder: string
  /** The group that may write to the folder where it has to be made; null: its owner only. */
  readonly group: number | null
  /** Takes an event for SCHEDULER/EVENT: `taken`; `refused` if it never will be; `later` if it may be another time. */
  readonly take: (where: string, body: string) => Promise<'taken' | 'refused' | 'later'>
  /** Resolves when all that was taken is recorded. */
  readonly recorded: () => Promise<void>
  /** Told how much waits, events and bytes. */
  readonly count: (events: number, bytes: number) => void
  readonly clock: Clock
  readonly log: Logger
}

/**
 * The controller's side of the folder in which `scripts/hooks/post-event` keeps events: takes them in their order, and removes
 * each once it is recorded. The script delivers them too; an event that both bring is recorded once, by its id. Nothing in the
 * files is run, and links are not followed.
 */
export class Spool {
  readonly #options: SpoolOptions
  readonly #stop = new AbortController()
  #running: Promise<void> | null = null
  #said = ''

  constructor(options: SpoolOptions) {
    this.#options = options
  }

  /** Starts looking, at once and then now and then. */
  start(): void {
    this.#running ??= this.#run()
  }

  /** Resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  /**
   * Takes what is there.
   * @returns how many events were taken or refused, and are gone
   * @throws CausewayError `InvalidConfig` when anybody may write to the folder
   */
  async deliver(): Promise<number> {
    const { folder, take, recorded, count, log } = this.#options
    await this.#prepare()
    const files = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isFile())
    await this.#removeDrafts(files.map(({ name }) => name))
    const names = files.map(({ name }) => name).filter((name) => /^[0-9].*\.event$/.test(name))
    const done: string[] = []
    for (const name of names.sort()) {
      const text = await readPlain(join(folder, name))
      if (text === null) {
        done.push(name) // the script was quicker
        continue
      }
      const cut = text.indexOf('\n')
      const where = text.slice(0, Math.max(cut, 0))
      const answer = /^[a-z0-9-]+\/[a-z0-9-]+$/.test(where) ? await take(where, text.slice(cut + 1)) : 'refused'
      if (answer === 'later') break
      if (answer === 'refused') log.warn({ file: name, where }, 'a kept hook is refused and removed')
      done.push(name)
    }
    const left = names.slice(done.length)
    const sizes = await Promise.all(
      left.map((name) =>
        lstat(join(folder, name))
          .then(({ size }) => size)
          .catch(() => 0),
      ),
    )
    count(
      left.length,
      sizes.reduce((sum, size) => sum + size, 0),
    )
    if (done.length > 0) await recorded()
    for (const name of done) await rm(join(folder, name), { force: true })
    return done.length
  }

  async #run(): Promise<void> {
    const { clock, log, folder } = this.#options
    while (!this.#stop.signal.aborted) {
      try {
        await this.deliver()
        this.#said = ''
      } catch (thrown) {
        const err = toCausewayError(thrown)
        if (err.message !== this.#said) log.error({ err, folder }, 'kept hooks are not taken; trying on')
        this.#said = err.message
      }
      await clock.sleep(lookMs, this.#stop.signal)
    }
  }

  /** Makes the folder where it is missing, and ours to make. Who may use the socket may write to it: both speak for the scheduler. */
  async #prepare(): Promise<void> {
    const { folder, group } = this.#options
    const there = await lstat(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null
      throw error
    })
    if (there) {
      if (!there.isDirectory()) throw new CausewayError('InvalidConfig', `${folder} is not a folder`)
      if ((there.mode & 0o002) !== 0) throw new CausewayError('InvalidConfig', `anybody may write to ${folder}`)
      // Made by a script that root ran, it would shut the scheduler's own user out; made by another user, it is as the admin wants it.
      if (there.uid !== process.getuid?.() || group === null || there.gid === group) return
    } else await mkdir(folder, { recursive: true, mode: 0o755 })
    if (group !== null) await chown(folder, (await lstat(folder)).uid, group)
    await chmod(folder, group === null ? 0o700 : 0o2770)
  }

  async #removeDrafts(names: readonly string[]): Promise<void> {
    const { folder, clock } = this.#options
    for (const name of names.filter((each) => /^\..*\.draft$/.test(each))) {
      const path = join(folder, name)
      const there = await lstat(path).catch(() => null)
      if (there && clock.now() - there.mtimeMs > staleDraftMs) await rm(path, { force: true })
    }
  }
}

/** The text of a regular file that is not too large, '' for any other; null if there is none. */
async function readPlain(path: string): Promise<string | null> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  try {
    const file = await open(path, flags)
    try {
      const { size } = await file.stat()
      return (await file.stat()).isFile() && size <= maximumBytes ? await file.readFile('utf8') : ''
    } finally {
      await file.close()
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
