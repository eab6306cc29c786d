/** A process of its own that runs the real command, for tests that kill it. */
import { cacheCommand } from '../../src/cli/cache.ts'

await cacheCommand().parseAsync(process.argv)
