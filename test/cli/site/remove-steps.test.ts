import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { Host } from '../../../src/base/host.ts'
import { type SiteRecords, withRecords } from '../../../src/cli/site/records.ts'
import { forgetSteps, removeSteps } from '../../../src/cli/site/remove-steps.ts'
import { walk } from '../../../src/cli/site/steps.ts'
import { replaceConfig } from '../../../src/cli/site/write-config.ts'
import { DrainStore } from '../../../src/store/drain-store.ts'
import { NodeStore } from '../../../src/store/node-store.ts'
import { openStore } from '../../../src/store/open.ts'
import { FakeDriver, FakeSite } from '../../fakes/driver.ts'
import { someConfig } from '../../support/controller-config.ts'
import { machineSpec } from '../../support/machine-spec.ts'

const clock = { now: () => 1000 }
const noHost = (): Host => assert.fail('no host is asked')
const noRecords: SiteRecords = {
  nodes: () => Promise.resolve([]),
  endDrains: () => Promise.resolve(),
  giveUp: () => Promise.resolve(),
}

async function failureAt(at: FakeSite): Promise<string> {
  const driver = new FakeDriver({ site: 'east', cluster: 'lab', clock, at })
  const write = () => assert.fail('the configuration stays')
  const steps = removeSteps({
    config: someConfig(),
    site: 'east',
    driver,
    write,
    host: noHost,
    records: noRecords,
    forgetPackages: false,
  })
  const { failure, steps: reports } = await walk(steps, clock, () => undefined)
  assert.equal(reports.at(-1)?.outcome, 'open')
  return failure?.message ?? ''
}

describe('removing a site', () => {
  it('is refused while it has machines, or hosts that may have some', async () => {
    const used = new FakeSite()
    const driver = new FakeDriver({ site: 'east', cluster: 'lab', clock, at: used })
    await driver.create(machineSpec('a', { image: '/images/base' }))
    assert.match(await failureAt(used), /has machines of this cluster: node-a: .*site drain east --wait/)
    const dark = new FakeSite(['h1', 'h2'])
    dark.dark.add('h2')
    assert.match(await failureAt(dark), /host h2 of east can't be read, and may have machines/)
  })

  it('by force gives up its nodes and its drains, and no others', async (t) => {
    const stateDir = await mkdtemp(join(tmpdir(), 'causeway-records-'))
    t.after(() => rm(stateDir, { recursive: true }))
    const some = someConfig()
    const config = { ...some, controller: { ...some.controller, stateDir } }
    const db = await openStore(join(stateDir, 'causeway.db'))
    t.after(() => db.destroy())
    const drains = new DrainStore(db)
    for (const [site, host] of [
      ['east', null],
      ['east', 'h1'],
      ['west', null],
    ] as const)
      await drains.begin({ site, host, reason: '', sinceMs: 0 })
    const nodes = new NodeStore(db)
    for (const site of ['east', 'west']) {
      const life = {
        id: site,
        name: `${site}-1`,
        site,
        type: 'standard',
        address: '10.77.1.1',
        jobs: [],
        costPerHour: 0,
        billingMs: 0,
      }
      await nodes.begin({ ...life, phase: 'planned' }, { code: 'Demand', text: 'a job waits' }, 0)
    }

    const written: string[] = []
    const write = () => Promise.resolve(`written ${written.push('once')}`)
    const { steps, failure } = await withRecords(config, 'east', (records) =>
      walk(forgetSteps({ site: 'east', records, write }, clock), clock, () => undefined),
    )
    assert.equal(failure, null)
    assert.equal(steps[0]?.text, 'given up: east-1')
    assert.deepEqual(written, ['once'])
    const past = await nodes.all()
    assert.deepEqual(
      past.map(({ site, phase }) => `${site} ${phase}`),
      ['east gone', 'west planned'],
    )
    assert.deepEqual(
      (await drains.all()).map(({ site }) => site),
      ['west'],
    )
  })
})

describe('a configuration', () => {
  it('is replaced in one step with its mode, unless somebody changed it meanwhile', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'causeway-config-'))
    t.after(() => rm(folder, { recursive: true }))
    const file = join(folder, 'causeway.yaml')
    await writeFile(file, 'one\n', { mode: 0o640 })
    await replaceConfig(file, 'one\n', 'two\n')
    assert.equal(await readFile(file, 'utf8'), 'two\n')
    assert.equal((await stat(file)).mode & 0o777, 0o640)
    await assert.rejects(replaceConfig(file, 'one\n', 'three\n'), { code: 'Conflict' })
    assert.equal(await readFile(file, 'utf8'), 'two\n')
  })
})
