import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { systemClock } from '../../../src/base/clock.ts'
import type { CausewayError } from '../../../src/base/errors.ts'
import type { Host } from '../../../src/base/host.ts'
import type { SchedulerConfig } from '../../../src/config/controller-schema.ts'
import { connectScheduler } from '../../../src/hooks/schedulers/connect.ts'
import { someRegistration } from '../../support/registration.ts'

suite('the adapter for Slurm with cloud nodes, as configured', () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'causeway-connect-'))
    for (const [name, text] of [
      ['munge.key', 'key'],
      ['token', 'a.b.c'],
      ['nodes.conf', 'NodeName=east-1 State=CLOUD\n'],
      ['causeway-sites', ''],
    ] as const) {
      writeFileSync(join(folder, name), text)
    }
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  test('reads from slurmrestd, keeps its files, and tells what takes an admin', async () => {
    const node = { name: 'east-1', state: 'idle', state_flags: ['CLOUD', 'POWERED_DOWN'], features: 'site-east' }
    const lists = { jobs: { jobs: [] }, nodes: { nodes: [{ ...node, weight: 10, cpus: 9, real_memory: 1024 }] } }
    const server = createServer((request, response) => {
      assert.equal(request.headers['x-slurm-user-token'], 'a.b.c')
      response.end(JSON.stringify(request.url?.endsWith('/jobs') ? lists.jobs : lists.nodes))
    })
    await new Promise<void>((resolve) => server.listen(join(folder, 'rest.sock'), resolve))
    const ran: string[] = []
    const host: Host = {
      name: 'head',
      async exec(argv) {
        ran.push(argv.slice(3).join(' '))
        return { code: 0, stdout: '', stderr: '' }
      },
      async close() {},
    }
    const config: SchedulerConfig<'slurm'> = {
      kind: 'slurm',
      conf: join(folder, 'slurm.conf'),
      mungeKeyFile: join(folder, 'munge.key'),
      port: 6817,
      nodes: 'cloud',
      nodesFile: join(folder, 'nodes.conf'),
      rest: { url: `unix:${folder}/rest.sock`, user: 'slurm', tokenFile: join(folder, 'token') },
      explain: true,
    }
    const problems: CausewayError[] = []
    const possible = () => [someRegistration({ name: 'east-1', site: 'east', type: 'small' })]
    const placement = () => [{ queue: 'wide', feature: '', spread: 'may-span', sites: [] } as const]
    const onProblem = (problem: CausewayError) => problems.push(problem)
    const connection = await connectScheduler(config, host, systemClock, { possible, placement, onProblem })
    try {
      const { nodes } = await connection.scheduler.snapshot()
      assert.deepEqual(
        nodes.map(({ name, power }) => `${name} ${power}`),
        ['east-1 absent'],
      )
      const features = 'site-east,type-small'
      const change = `availablefeatures=${features} activefeatures=${features} weight=10`
      assert.deepEqual(ran, [`scontrol update nodename=east-1 ${change}`])
      assert.match(readFileSync(join(folder, 'nodes.conf'), 'utf8'), /NodeName=east-1 CPUs=1 /)
      assert.equal(readFileSync(join(folder, 'causeway-sites'), 'utf8'), 'site-east\nplacement wide * any-site\n')
      assert.match(problems.map((problem) => problem.message).join(), /east-1: Slurm has 9 CPUs/)
    } finally {
      await connection.close()
      server.closeAllConnections()
      server.close()
    }
  })
})
