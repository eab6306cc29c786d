import assert from 'node:assert/strict'
import { chmodSync, chownSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import {
  keepFiles,
  keptFiles,
  placementList,
  siteList,
  updatedNodes,
} from '../../../../src/hooks/schedulers/slurm/kept-files.ts'
import { parseSinfo } from '../../../../src/hooks/schedulers/slurm/sinfo.ts'
import { someRegistration } from '../../../support/registration.ts'

const size = { cpus: 2, memoryMiB: 500, gpus: 0 }
const node = (name: string, of: object = {}) =>
  someRegistration({ name, site: name.split('-')[0] ?? '', type: 'small', size, ...of })
const known = (nodes: Readonly<Record<string, string>>) =>
  parseSinfo(
    JSON.stringify({
      nodes: Object.entries(nodes).map(([name, words]) => {
        const [features, ...flags] = words.split(' ')
        return { name, state: 'idle', state_flags: ['CLOUD', ...flags], features }
      }),
    }),
  )

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'causeway-files-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const old = `# somebody's
NodeName=west-1 CPUs=1 State=CLOUD
NodeName=gone-1 CPUs=9 State=CLOUD

NodeName=east-1 CPUs=1 State=CLOUD
NodeName=north-1 CPUs=1 State=CLOUD
`

test('the lines are brought up to date, no name is added, and none goes but those that were made while slurmctld ran', () => {
  const configured = [node('east-1'), node('east-2'), node('west-1', { rank: 2 }), node('north-1')]
  const nodes = known({ 'east-1': 'a', 'west-1': 'a', 'gone-1': 'a', 'north-1': 'a DYNAMIC_NORM' })
  const text = updatedNodes(old, configured, nodes)
  assert.equal(
    text,
    `# Written by Causeway; changes are lost. Include it from slurm.conf.
NodeName=east-1 CPUs=2 RealMemory=500 Feature=site-east,type-small Weight=10 State=CLOUD
NodeName=west-1 CPUs=2 RealMemory=500 Feature=site-west,type-small Weight=20 State=CLOUD
NodeName=gone-1 CPUs=9 State=CLOUD
`,
  )
  assert.equal(updatedNodes(text, configured, nodes), text)
})

test('the sites are those that slurmctld knows, and those of other nodes come first', () => {
  const configured = [node('east-1'), node('west-1'), node('new-1')]
  const nodes = known({ 'west-1': 'site-west,x', 'east-1': 'site-east', 'own-1': 'site-home,rack', 'own-2': 'rack' })
  assert.equal(siteList(configured, nodes), 'site-home\nsite-east\nsite-west\n')
})

test("the policy's rules for jobs of several nodes follow in their order", () => {
  const rule = { queue: '', feature: '', spread: 'one-site', sites: [] } as const
  const rules = [
    { ...rule, queue: 'wide', spread: 'must-span' },
    { ...rule, feature: 'slow', spread: 'may-span' },
    rule,
  ] as const
  assert.equal(placementList(rules), 'placement wide * any-site\nplacement * slow any-site\nplacement * * one-site\n')
  assert.equal(placementList([]), '')
})

test('files keep owner and mode, and are left alone where nothing changes', async () => {
  const path = join(folder, 'nodes.conf')
  writeFileSync(path, old)
  chownSync(path, 12_345, 12_346)
  chmodSync(path, 0o640)
  const files = keptFiles(join(folder, 'slurm.conf'), path)
  const nodes = known({ 'east-1': 'site-east' })
  await keepFiles(files, [node('east-1')], nodes)
  const first = statSync(path)
  assert.deepEqual([first.uid, first.gid, first.mode & 0o7777], [12_345, 12_346, 0o640])
  assert.match(readFileSync(path, 'utf8'), /NodeName=east-1 CPUs=2/)
  await keepFiles(files, [node('east-1')], nodes)
  assert.equal(statSync(path).ino, first.ino)
  assert.deepEqual(readdirSync(folder), ['nodes.conf'])
})

test('no file is made that an admin has not asked for, and one that is there is filled', async () => {
  const files = keptFiles(join(folder, 'slurm.conf'), undefined)
  await keepFiles(files, [node('east-1')], known({ 'east-1': 'site-east' }))
  assert.deepEqual(readdirSync(folder), [])
  writeFileSync(files.sites, '')
  await keepFiles(files, [node('east-1')], known({ 'east-1': 'site-east' }))
  assert.equal(readFileSync(files.sites, 'utf8'), 'site-east\n')
})

test('a file that can not be written is an error that names it', async () => {
  const files = keptFiles(join(folder, 'slurm.conf'), folder)
  await assert.rejects(keepFiles(files, [], []), { code: 'InvalidConfig', message: new RegExp(folder) })
})
