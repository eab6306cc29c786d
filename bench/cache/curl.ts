import { existsSync, readFileSync, rmSync } from 'node:fs'
import { run } from '../../lab/process.ts'
import type { Cache } from './caches.ts'
import { type Rig, siteAddress } from './rig.ts'

/** What one client got. */
export interface Got {
  /** 0 when there was no answer. */
  readonly status: number
  readonly body: Buffer
  /** Whether curl was content: all of the body came, in time. */
  readonly isWhole: boolean
  readonly seconds: number
  readonly firstMs: number
}

export interface GetOptions {
  /** As in a Range header: `0-1023`. */
  readonly range?: string
  readonly timeoutSeconds?: number
}

let count = 0

/** One GET by curl among the nodes. */
export async function get(rig: Rig, cache: Cache, path: string, options: GetOptions = {}): Promise<Got> {
  const { range, timeoutSeconds = 120 } = options
  count += 1
  const file = `${rig.disk}/got-${count}`
  const argv = ['curl', '--silent', '--max-time', String(timeoutSeconds), '--output', file, '--write-out', '%{json}']
  if (range !== undefined) argv.push('--range', range)
  if (cache.prefix !== '') argv.push('--proxy', `http://${siteAddress}:${cache.port}`, `${cache.prefix}${path}`)
  else argv.push('--header', `Host: ${cache.host}`, `http://${siteAddress}:${cache.port}${path}`)
  const { code, stdout } = await run(rig.at('nodes', argv), { timeoutMs: (timeoutSeconds + 10) * 1000 })
  const told = JSON.parse(stdout) as { http_code: number; time_total: number; time_starttransfer: number }
  const body = existsSync(file) ? readFileSync(file) : Buffer.alloc(0)
  rmSync(file, { force: true })
  const { http_code: status, time_total: seconds, time_starttransfer: first } = told
  return { status, body, isWhole: code === 0, seconds, firstMs: first * 1000 }
}
