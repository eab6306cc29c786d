import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import type { CausewayError } from '../../../../src/base/errors.ts'
import type { Registration } from '../../../../src/elastic/scheduler.ts'
import { ConfiguredNodes } from '../../../../src/hooks/schedulers/slurm/configured-nodes.ts'
import { keptFiles } from '../../../../src/hooks/schedulers/slurm/kept-files.ts'
import type { Redefinition } from '../../../../src/hooks/schedulers/slurm/register.ts'
import { parseSinfo } from '../../../../src/hooks/schedulers/slurm/sinfo.ts'
import { someRegistration } from '../../../support/registration.ts'

const size = { cpus: 2, memoryMiB: 500, gpus: 0 }
const node = (name: string, of: object = {}) => someRegistration({ name, site: 'east', type: 'small', size, ...of })
const known = (fields: object = {}) => {
  const plain = { state: 'idle', state_flags: ['CLOUD', 'POWERED_DOWN'], features: 'site-east,type-small', weight: 10 }
  return parseSinfo(JSON.stringify({ nodes: [{ ...plain, name: 'east-1', cpus: 2, real_memory: 500, ...fields }] }))
}

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'causeway-configured-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function keeper(possible: () => readonly Registration[]) {
  const changes: Redefinition[] = []
  const problems: CausewayError[] = []
  const time = { nowMs: 1_000_000 }
  const files = keptFiles(join(folder, 'slurm.conf'), join(folder, 'nodes.conf'))
  const configured = new ConfiguredNodes(
    { possible, files, onProblem: (problem) => problems.push(problem) },
    { now: () => time.nowMs, sleep: async () => undefined },
    async (change) => {
      changes.push(change)
    },
  )
  return { configured, changes, problems, time }
}

test('what changes in the configuration is told, files and all, and unknown nodes are left to others', async () => {
  writeFileSync(join(folder, 'nodes.conf'), 'NodeName=east-1 State=CLOUD\n')
  let possible = [node('east-1'), node('east-2')]
  const { configured, changes, problems, time } = keeper(() => possible)
  await configured.keep(known())
  assert.deepEqual(changes, [])
  assert.match(readFileSync(join(folder, 'nodes.conf'), 'utf8'), /NodeName=east-1 CPUs=2 .* Weight=10 /)
  possible = [node('east-1', { rank: 3 })]
  await configured.keep(known())
  assert.deepEqual(changes, [], 'not before it is time')
  time.nowMs += 10_000
  await configured.keep(known())
  assert.deepEqual(changes, [{ names: ['east-1'], features: ['site-east', 'type-small'], weight: 30 }])
  assert.match(readFileSync(join(folder, 'nodes.conf'), 'utf8'), / Weight=30 /)
  assert.deepEqual(problems, [])
})

test('a problem is told once, again when it is another one, and keeps nobody from reading the queue', async () => {
  const possible = [node('east-1')]
  const { configured, problems, time } = keeper(() => possible)
  const keep = async (fields: object) => {
    time.nowMs += 10_000
    await configured.keep(known(fields))
  }
  await keep({ cpus: 9 })
  await keep({ cpus: 9 })
  assert.deepEqual(
    problems.map((problem) => problem.code),
    ['InvalidConfig'],
  )
  await keep({ cpus: 8 })
  assert.equal(problems.length, 2)
  await keep({})
  await keep({ cpus: 8 })
  assert.equal(problems.length, 3)
  rmSync(folder, { recursive: true })
  writeFileSync(folder, '')
  await keep({})
  assert.match(problems[3]?.message ?? '', /nodes\.conf can't be kept/)
})
