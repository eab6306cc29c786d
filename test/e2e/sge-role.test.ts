import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { must } from '../../lab/demo/must.ts'
import type { LabProcess } from '../../lab/host.ts'
import { Lab } from '../../lab/lab.ts'
import { underlayAddress } from '../../lab/network.ts'
import { sgeCell, sgeExecdPort, sgePort, sgeRoot } from '../../lab/sge.ts'
import { until } from '../../lab/until.ts'
import { sgeRole } from '../../src/hooks/schedulers/sge/role.ts'
import { instanceState } from './sge-cluster.ts'

const patienceMs = 180_000
const pidFile = '/run/gridengine/execd.pid'

describe('the role of a Grid Engine node, on a host of the lab', () => {
  let lab: Lab
  before(async () => {
    lab = await Lab.up({ name: 'sgerole', scheduler: 'sge', caches: false })
    await placeSeed()
    lab.head.write('/etc/hosts', { content: `${lab.head.read('/etc/hosts')}${underlayAddress('east')} east\n` })
  })
  after(() => lab.down())

  /** What boot finds in a seed and has in its environment. */
  async function placeSeed(): Promise<void> {
    const root = lab.head.path(sgeRoot)
    const ports = { port: sgePort, execdPort: sgeExecdPort }
    const queue = { queue: 'all.q', hostGroup: '@elastic', parallel: [], explain: true }
    const role = await sgeRole({ kind: 'sge', root, cell: sgeCell, ...ports, ...queue })
    const { east } = lab.hosts
    east.write('/etc/hosts', {
      content: `127.0.0.1 localhost\n${underlayAddress('head')} head\n${underlayAddress('east')} east\n`,
    })
    for (const { path, content, mode } of role.files) east.write(`/run/seed/${path}`, { content, mode })
    east.write('/run/seed/role', { content: role.program, mode: 0o755 })
  }

  async function startRole(): Promise<LabProcess> {
    const ports = { SGE_QMASTER_PORT: String(sgePort), SGE_EXECD_PORT: String(sgeExecdPort) }
    const cell = { SGE_ROOT: sgeRoot, SGE_CELL: sgeCell }
    return lab.hosts.east.start(['bash', '-c', '/run/seed/role install && exec /run/seed/role serve'], {
      log: '/run/role.log',
      env: { NODE_NAME: 'east', HEAD_NAME: 'head', HEAD_ADDRESS: underlayAddress('head'), ...cell, ...ports },
    })
  }

  const ended = (role: LabProcess) => until('the role has ended', patienceMs, () => role.status)
  const qconf = (...argv: string[]) => must(lab.head.exec(['qconf', ...argv]))
  const log = () => lab.hosts.east.read('/run/role.log')
  const execdPid = () => lab.hosts.east.read(pidFile).trim()
  const serves = () =>
    until('the queue has the host', patienceMs, async () => (await instanceState(lab, 'east')) === '')

  async function addHost(): Promise<void> {
    await qconf('-ah', 'east')
    const unset = ['load_scaling', 'complex_values', 'user_lists', 'xuser_lists', 'projects', 'xprojects']
    const lines = ['hostname east', ...[...unset, 'usage_scaling', 'report_variables'].map((name) => `${name} NONE`)]
    lab.head.write('/run/east', { content: `${lines.join('\n')}\n` })
    await qconf('-Ae', '/run/east')
    await qconf('-aattr', 'queue', 'hostlist', 'east', 'all.q')
  }

  async function removeHost(): Promise<void> {
    await qconf('-ke', 'east')
    await qconf('-dattr', 'queue', 'hostlist', 'east', 'all.q')
    await qconf('-de', 'east')
    await qconf('-dh', 'east')
  }

  test('on a host that the queue does not know it gives up, and says why', async () => {
    const role = await startRole()
    assert.equal(await ended(role), 1)
    assert.match(log(), /sge_qmaster does not answer: denied: host "east" is neither submit nor admin host/)
  })

  test('a sge_execd that Debian has started before, which an image with the packages has, is not in the way', async () => {
    const { east } = lab.hosts
    // What Debian's packages set up without being asked anything: no qmaster yet. It waits in the foreground.
    east.write('/var/lib/gridengine/default/common/act_qmaster', { content: '\n' })
    const debian = await east.start(['sge_execd'], { log: '/run/debian.log' })
    const pids = async () => (await east.exec(['pgrep', '-x', 'sge_execd'])).stdout.split('\n').filter(Boolean)
    const [early] = await until("Debian's sge_execd waits", patienceMs, async () => {
      const found = await pids()
      return found.length > 0 && found
    })
    await addHost()
    const role = await startRole()
    await serves()
    assert.notEqual(debian.status, undefined)
    assert.deepEqual(await pids(), [execdPid()])
    assert.notEqual(execdPid(), early)
    assert.match(log(), /ended a sge_execd that ran before/)
    await removeHost()
    assert.equal(await ended(role), 0)
  })

  test('sge_execd serves, is started again when it crashes, and stays away when the queue lets go of the host', async () => {
    await addHost()
    assert.match((await instanceState(lab, 'east')) ?? '', /u/) // known, and not to be used
    const role = await startRole()
    await serves()
    const job = (
      await must(lab.asAlice(['qsub', '-terse', '-j', 'y', '-o', '/home/alice/out'], { stdin: 'hostname\n' }))
    ).trim()
    await until(
      `job ${job} has run`,
      patienceMs,
      async () => (await lab.asAlice(['cat', '/home/alice/out'])).stdout === 'east\n',
    )

    const first = execdPid()
    await must(lab.hosts.east.exec(['kill', '-KILL', first]))
    await until('another one runs', patienceMs, async () => {
      const { stdout } = await lab.hosts.east.exec(['cat', pidFile])
      return stdout.trim() !== '' && stdout.trim() !== first
    })
    assert.match(log(), /sge_execd ended after/)
    await serves()

    await removeHost()
    assert.equal(await ended(role), 0)
    assert.match(log(), /the queue has let go of this host\n$/)
    assert.equal((await lab.hosts.east.exec(['pgrep', '-x', 'sge_execd'])).stdout, '')
  })
})
