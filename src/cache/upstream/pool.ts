import { createRequire } from 'node:module'
import type * as Undici from 'undici'

/** Undici's pool alone: its main module also has all of `fetch`, proxies, mocks and caches, which take some 7 MiB of memory. */
export const Pool = createRequire(import.meta.url)('undici/lib/dispatcher/pool.js') as typeof Undici.Pool
