import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { places } from '../../lab/config.ts'
import { must } from '../../lab/demo/must.ts'
import type { Lab } from '../../lab/lab.ts'
import { until } from '../../lab/until.ts'
import { clusterUp, patienceMs, shrunk } from './cluster.ts'

/** The network of the cloud at west: none of the cluster's. */
const network = '192.168.88'

const program = [
  '/opt/causeway/test/e2e/cloud-driver.py',
  '/opt/causeway/examples/driver-namespaces.py',
  '/var/lib/causeway/cloud',
  'cloud0',
  network,
]

describe('a site whose machines no bridge of ours reaches', () => {
  let lab: Lab
  before(async () => {
    lab = await clusterUp({ nodes: { east: 1, west: 2 } }, (config) => {
      const { image } = config.sites.west.driver
      const driver = { kind: 'command', at: 'gateway', network: 'join', program, image }
      Object.assign(config.sites.west, { driver })
    })
    const run = (...argv: string[]) => must(lab.hosts.west.exec(argv))
    await run('ip', 'link', 'add', 'cloud0', 'type', 'bridge')
    await run('ip', 'address', 'add', `${network}.1/24`, 'dev', 'cloud0')
    await run('ip', 'link', 'set', 'cloud0', 'up')
  })
  after(async () => {
    await lab.down()
    assert.deepEqual(await lab.leftovers(), [])
  })

  /** Runs a command on nodes as alice, who has no /home there; what it printed, by line with its task. */
  const srun = async (constraint: string, command: string): Promise<string> => {
    const argv = [
      'srun',
      '--nodes=2',
      '--label',
      '--chdir=/tmp',
      '--exclusive',
      `--constraint=${constraint}`,
      'sh',
      '-c',
      command,
    ]
    return must(lab.asAlice(argv, { timeoutMs: patienceMs }))
  }

  test('its nodes join the segment by themselves, install through their cache, and run jobs with other sites', async () => {
    const said = await srun('[site-east*1&site-west*1]', 'hostname; ip -o -4 address show; ping -q -c 1 -W 5 east-1')
    assert.match(said, /^\d: east-1$/m)
    assert.match(said, /^\d: west-1$/m)
    assert.match(said, /cw0 +inet 10\.77\.2\.1\/16/)
    assert.match(said, new RegExp(`eth0 +inet ${network.replaceAll('.', '\\.')}\\.\\d+/24`))
    assert.match(lab.hosts.west.read(places.cacheLog), /slurmd/)
  })

  test('two of them reach each other', async () => {
    const said = await srun('site-west', 'for node in west-1 west-2; do ping -q -c 1 -W 5 $node; done')
    assert.equal([...said.matchAll(/1 received/g)].length, 4)
  })

  test('they are gone when nobody needs them, and the gateway forgets them', async () => {
    await shrunk(lab)
    await until('the gateway has forgotten them', patienceMs, async () => {
      const { stdout } = await lab.hosts.west.exec(['bridge', 'fdb', 'show', 'dev', 'cwj77'])
      return !/02:43:0a:4d:02:0[12]/.test(stdout)
    })
    assert.equal(
      (await must(lab.hosts.west.exec(['find', '/var/lib/causeway/cloud', '-name', 'machine.json']))).trim(),
      '',
    )
  })
})
