import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CausewayError } from '../../../src/base/errors.ts'
import { AheadQueue } from '../../../src/cache/ahead/queue.ts'
import type { RolePlace } from '../../../src/cache/ahead/role-place.ts'
import type { RoleContents, RoleWish } from '../../../src/cache/ahead/role-reader.ts'
import { Warmer, type WarmProgress } from '../../../src/cache/ahead/warm.ts'
import { FakeBringing, wanted } from './fake-bringing.ts'

function contents(packages: string[], files: string[] = [], missing: RoleContents['missing'] = []): RoleContents {
  return { packages: packages.map((one) => wanted(one, 10)), files: files.map((one) => wanted(one)), missing }
}

/** Roles by name with what they come to; a name with a plus is one package from its repository. */
function stage(known: Record<string, RoleContents | Error>, viewers: (string | undefined)[] = [undefined]) {
  const fake = new FakeBringing()
  const roles = Object.keys(known).filter((name) => !/[+ ]/.test(name))
  const places = new Map(roles.map((name) => [name, { name } as RolePlace]))
  const reader = {
    async read({ name }: RolePlace, { names, cluster }: RoleWish = {}) {
      const asked = names ? `${name}+${names.join('+')}` : name
      const found = known[cluster === undefined ? asked : `${asked} of ${cluster}`]
      if (found instanceof Error) throw found
      assert.ok(found)
      return found
    },
  }
  const warmer = new Warmer(places, { reader, queue: new AheadQueue(fake), snapshots: { viewers: () => viewers } })
  const warm = async (roles: string[], packages: string[] = []) => {
    const told: WarmProgress[] = []
    const warming = warmer.warm({ roles, packages }, 'later', (progress) => told.push(progress))
    await new Promise((resolve) => setImmediate(resolve))
    await fake.endAll()
    return { told, ...(await warming) }
  }
  return { fake, warm, warmer }
}

describe('bringing what roles install', () => {
  test('all roles, each file once, and how far it is', async () => {
    const { warm, fake } = stage({ slurm: contents(['a', 'b']), gpu: contents(['b', 'c'], ['image']) })
    fake.kept.add('b')
    const { told, ...warmed } = await warm([])
    assert.deepEqual(fake.asked, ['a', 'b', 'c', 'image'])
    assert.deepEqual(warmed, { roles: ['slurm', 'gpu'], files: 4, bytes: 40, fetchedBytes: 30, lacking: [] })
    assert.deepEqual(told[0], { stage: 'indexes', files: 0, ofFiles: 0, bytes: 0, ofBytes: 0 })
    assert.deepEqual(told[1], { stage: 'files', files: 0, ofFiles: 4, bytes: 0, ofBytes: 30 })
    assert.deepEqual(told.at(-1), { stage: 'files', files: 4, ofFiles: 4, bytes: 40, ofBytes: 40 })
  })

  test('some roles, and packages besides', async () => {
    const { warm, fake } = stage({ slurm: contents(['a']), gpu: contents(['c']), 'slurm+htop': contents(['h', 'a']) })
    assert.deepEqual((await warm(['slurm'], ['htop'])).roles, ['slurm'])
    assert.deepEqual(fake.asked, ['a', 'h'])
  })

  test('packages alone come from whichever repository has them, and lack only where none has', async () => {
    const { warm, fake } = stage({
      slurm: contents(['a']),
      gpu: contents(['c']),
      'slurm+htop+nix': contents(['h'], [], [{ name: 'nix', neededBy: undefined }]),
      'gpu+htop+nix': contents(
        [],
        [],
        [
          { name: 'htop', neededBy: undefined },
          { name: 'nix', neededBy: undefined },
        ],
      ),
    })
    const { lacking } = await warm([], ['htop', 'nix'])
    assert.deepEqual(fake.asked, ['h'])
    assert.deepEqual(lacking, [{ what: 'nix', code: 'NotFound', message: 'no index has it' }])
  })

  test('for a pinned cluster what it stays with, for others what there is now; what is the same once', async () => {
    const known = { slurm: contents(['base', 'slurmd-2']), 'slurm of blue': contents(['base', 'slurmd-1']) }
    const both = stage(known, ['blue', undefined])
    assert.equal((await both.warm([])).files, 3)
    assert.deepEqual(both.fake.asked, ['base', 'slurmd-1', 'slurmd-2'])
    const pinned = stage(known, ['blue'])
    await pinned.warm(['slurm'])
    assert.deepEqual(pinned.fake.asked, ['base', 'slurmd-1'])
  })

  test('what lacks is named and the rest is brought', async () => {
    const away = new CausewayError('OriginUnreachable', 'no answer')
    const { warm, fake } = stage({ slurm: contents(['a'], [], [{ name: 'libx', neededBy: 'a' }]), gpu: away })
    const { lacking } = await warm([])
    assert.deepEqual(fake.asked, ['a'])
    assert.deepEqual(lacking, [
      { what: 'gpu', code: 'OriginUnreachable', message: 'no answer' },
      { what: 'libx', code: 'NotFound', message: 'no index has it; a needs it' },
    ])
  })

  test('a role and packages besides, and neither can be read: it is said once', async () => {
    const away = new CausewayError('OriginUnreachable', 'no answer')
    const { warm } = stage({ slurm: away, 'slurm+htop': away })
    assert.deepEqual((await warm(['slurm'], ['htop'])).lacking, [
      { what: 'slurm', code: 'OriginUnreachable', message: 'no answer' },
    ])
  })

  test('a role that is not configured is refused before anything is done', async () => {
    const { warmer, fake } = stage({ slurm: contents(['a']) })
    const wish = { roles: ['slurm', 'cuda'], packages: [] }
    assert.throws(() => warmer.check(wish), { code: 'InvalidRequest', message: /no role cuda.*has: slurm/ })
    await assert.rejects(warmer.warm(wish), { code: 'InvalidRequest' })
    assert.deepEqual(fake.asked, [])
  })
})
