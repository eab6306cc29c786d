import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { CausewayError } from '../../../src/base/errors.ts'
import { debian } from '../../../src/cache/formats/debian.ts'
import { Random } from '../../chaos/random.ts'
import { releaseOf, sha256 } from './fake-mirror.ts'
import { type Rig, startRig } from './rig.ts'

const suite = '/debian/dists/lab/'
const top = `${suite}InRelease`
const names = ['main/binary-amd64/Packages', 'main/source/Sources', 'main/i18n/Translation-en']
const byHash = (name: string, body: string) => suite + name.replace(/[^/]+$/, `by-hash/SHA256/${sha256(body)}`)

interface World {
  readonly rig: Rig
  readonly random: Random
  /** Whether the mirror has its indexes under their digests as well. */
  readonly byHash: boolean
  version: number
}

/** Each version changes some indexes, and leaves others as they are. */
function indexes(version: number): Record<string, string> {
  return Object.fromEntries(names.map((name, at) => [name, `${name} ${Math.floor(version / (at + 1))}`]))
}

function release({ byHash }: World, version: number): string {
  return releaseOf(indexes(version), Date.UTC(2029, 0, 1) + version * 60_000, { byHash })
}

/** The steps of a publication, in any order: no mirror promises one. */
function publication(world: World): (() => void)[] {
  const { mirror } = world.rig
  world.version += 1
  const { version } = world
  const steps = Object.entries(indexes(version)).flatMap(([name, body]) => [
    () => mirror.put(suite + name, body),
    ...(world.byHash ? [() => mirror.put(byHash(name, body), body)] : []),
  ])
  steps.push(() => mirror.put(top, release(world, version)))
  return steps
    .map((step) => ({ step, at: world.random.next() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ step }) => step)
}

async function pause({ random }: World): Promise<void> {
  for (let rounds = random.int(0, 8); rounds > 0; rounds -= 1) await setImmediate()
}

/**
 * A client's update: the top index, then what it names, as apt does it. Resolves to the version that it got; undefined when
 * it was told that it can't be had. Whatever doesn't fit what it has got fails the test.
 */
async function update(world: World, client: string): Promise<number | undefined> {
  const { rig, random } = world
  try {
    const { body: said } = await rig.get(top, client)
    const version = [...Array(world.version + 1).keys()].find((one) => release(world, one) === said)
    assert.ok(version !== undefined, `${client} got a top index that never was: ${said}`)
    for (const [name, expected] of Object.entries(indexes(version))) {
      await pause(world)
      if (random.chance(0.2)) continue
      const { body, outcome } = await rig.get(
        world.byHash && random.chance(0.7) ? byHash(name, expected) : suite + name,
        client,
      )
      // Of a name that no version has, the origin is asked by those who asked here.
      if (outcome !== 'undefined') assert.equal(body, expected, `${client} has version ${version}`)
    }
    return version
  } catch (error) {
    if (error instanceof CausewayError && ['DigestMismatch', 'NotFound', 'OriginUnreachable'].includes(error.code))
      return undefined
    throw error
  }
}

/** Packages are brought for nodes to come, for all that see the same. */
async function warm({ rig }: World): Promise<void> {
  const lab = debian.suiteOf(top)
  assert.ok(lab)
  for (const cluster of rig.keeper.viewers()) {
    try {
      await rig.keeper.current(rig.origin, lab, { cluster, toCome: true })
    } catch (error) {
      if (!(error instanceof CausewayError)) throw error
    }
  }
}

async function run(world: World): Promise<void> {
  const { rig, random } = world
  let steps: (() => void)[] = []
  const publish = (chance: number) => {
    if (!random.chance(chance)) return
    if (steps.length === 0) steps = publication(world)
    steps.shift()?.()
  }
  for (const step of publication(world)) step()
  rig.mirror.before = async () => {
    publish(0.3)
    await pause(world)
    rig.mirror.away = random.chance(0.05) ? 'refuses' : undefined
  }
  const clients = ['10.1.0.1', '10.1.0.2', '10.2.0.1', '10.2.0.2', '10.2.0.3']
  for (let round = 0; round < 12; round += 1) {
    publish(0.5)
    await Promise.all(
      clients.map(async (client) => {
        await pause(world)
        await update(world, client)
      }),
    )
    if (random.chance(0.3)) rig.advance(random.int(1, 20) * 60_000)
    if (random.chance(0.15)) rig.restart()
    const whim = random.int(0, 9)
    if (whim === 0) await rig.keeper.pin('blue')
    if (whim === 1) rig.keeper.unpin('blue')
    if (whim === 2) await warm(world)
  }
  // The mirror comes to rest: everybody gets on.
  rig.mirror.before = () => {}
  rig.mirror.away = undefined
  for (const step of steps) step()
  rig.keeper.unpin('blue')
  rig.advance(6 * 60_000)
  for (const client of clients) {
    const versions = [await update(world, client), await update(world, client)]
    assert.equal(versions.at(-1), world.version, `${client} gets the newest in the end`)
  }
}

const first = Number(process.env['SEED'] ?? 1)
const seeds = process.env['SEED'] === undefined ? 60 : 1

test('however a mirror changes, no client ever sees indexes that do not fit, and all get on', async (t) => {
  for (let seed = first; seed < first + seeds; seed += 1) {
    await t.test(`seed ${seed}`, async (t) => {
      const clusters = { blue: { clients: ['10.1.0.0/16'] } }
      const random = new Random(seed)
      const world: World = {
        rig: await startRig(t, { settings: { clusters, indexes: { fresh: random.pick(['0s', '2m']) } } }),
        random,
        byHash: random.chance(0.5),
        version: 0,
      }
      await run(world)
    })
  }
})
