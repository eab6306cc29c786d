import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, test } from 'node:test'
import Database from 'better-sqlite3'
import { labFolder } from '../../lab/clean-up.ts'
import { type LabConfig, places } from '../../lab/config.ts'
import { must } from '../../lab/demo/must.ts'
import type { Lab } from '../../lab/lab.ts'
import { type MirrorRequest, mirrorFolder } from '../../lab/mirror.ts'
import { underlayAddress } from '../../lab/network.ts'
import type { Warmed } from '../../src/cache/ahead/warm.ts'
import { clusterUp, jobReaches, shrunk, submit } from './cluster.ts'

const west = underlayAddress('west')

const telling = (config: LabConfig) => {
  for (const site of Object.values(config.sites)) site.cache.warm = ['slurm']
}

/** Packages that a site has fetched from the mirror. */
function packages(lab: Lab): MirrorRequest[] {
  return lab.mirror.requests(west).filter(({ uri }) => uri.endsWith('.deb'))
}

function sizeAtMirror(lab: Lab, uri: string): number {
  return statSync(lab.hosts.mirror.path(`${mirrorFolder}${decodeURIComponent(uri.replace(/^\/debian/, ''))}`)).size
}

/** What the cache of west says of the packages that it gave to nodes. */
function served(lab: Lab): { url: string; outcome: string; bytes: number; client: string }[] {
  const lines = lab.hosts.west.read(places.cacheLog).split('\n').filter(Boolean)
  return lines.map((line) => JSON.parse(line)).filter(({ url }) => url.endsWith('.deb'))
}

/** What the controller noted of caches. */
function cacheEvents(lab: Lab): { site: string; code: string }[] {
  const db = new Database(join(labFolder(lab.name), 'disk/head/causeway/causeway.db'), { readonly: true })
  try {
    return db.prepare("select site, code from events where kind = 'cache' order by seq").all() as never
  } finally {
    db.close()
  }
}

/** Each once: a machine that takes its time is a new reason to tell. */
function codesOf(events: readonly { site: string; code: string }[]): string[] {
  return [...new Set(events.map(({ site, code }) => `${site} ${code}`))]
}

async function warm(lab: Lab, ...roles: string[]): Promise<Warmed> {
  const argv = [places.causeway, 'cache', 'warm', ...roles, '--config', places.cacheConfig, '--json']
  return JSON.parse(await must(lab.hosts.west.exec(argv, { timeoutMs: 300_000 }))) as Warmed
}

describe('packages ahead of need', () => {
  let lab: Lab | undefined
  afterEach(() => lab?.down())

  test('nodes that come up together cost the WAN each package once, and their cache was told before they booted', async () => {
    lab = await clusterUp({}, telling)
    const job = await submit(lab, 'hostname', '--nodes=4', '--constraint=site-west')
    await jobReaches(lab, job, 'COMPLETED')
    const fetched = packages(lab)
    const cluster = lab
    assert.ok(fetched.length > 10)
    assert.equal(new Set(fetched.map(({ uri }) => uri)).size, fetched.length, 'each was asked for once')
    for (const { uri, bytes, status } of fetched) {
      assert.equal(status, 200)
      assert.equal(bytes, sizeAtMirror(cluster, uri), uri)
    }
    const given = served(lab)
    const wanted = new Set(given.map(({ url }) => url))
    assert.equal(new Set(given.map(({ client }) => client)).size, 4)
    assert.equal(fetched.length, wanted.size, 'nothing was brought that no node wanted')
    assert.deepEqual(codesOf(cacheEvents(lab)), ['west CacheWarms'])
    await shrunk(lab)
  })

  test('what was warmed is installed without the origin', async () => {
    lab = await clusterUp()
    const first = await warm(lab, 'slurm')
    assert.deepEqual(first.lacking, [])
    assert.ok(first.fetchedBytes > 1_000_000)
    assert.equal(first.fetchedBytes, first.bytes)
    const again = await warm(lab, 'slurm')
    assert.deepEqual({ ...again, fetchedBytes: first.bytes }, first, 'the second time all is there')
    assert.equal(again.fetchedBytes, 0)
    const before = packages(lab).length
    await lab.wan('mirror').down()
    const job = await submit(lab, 'hostname', '--nodes=2', '--constraint=site-west')
    await jobReaches(lab, job, 'COMPLETED')
    await lab.wan('mirror').up()
    assert.equal(packages(lab).length, before)
    assert.ok(served(lab).every(({ outcome }) => outcome === 'hit'))
    await shrunk(lab)
  })

  test('a role that the cache does not know: nodes come all the same, and the reason is noted', async () => {
    lab = await clusterUp({}, (config) => {
      config.sites.west.cache.warm = ['cuda']
    })
    const job = await submit(lab, 'hostname', '--constraint=site-west')
    await jobReaches(lab, job, 'COMPLETED')
    assert.deepEqual(codesOf(cacheEvents(lab)), ['west InvalidRequest'])
    await shrunk(lab)
  })
})
