import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { places } from '../../lab/config.ts'
import { must } from '../../lab/demo/must.ts'
import { Lab } from '../../lab/lab.ts'
import { underlayAddress } from '../../lab/network.ts'
import { hostKeyPath } from '../../lab/ssh.ts'
import { until } from '../../lab/until.ts'
import type { StepReport } from '../../src/cli/site/steps.ts'
import { jobReaches, patienceMs, shrunk, submit } from './cluster.ts'
import { labName } from './lab-name.ts'

describe('a site is added to a running cluster, works, and is removed again', () => {
  let lab: Lab
  let fingerprint = ''
  let configured = ''

  const add = (...words: string[]) => {
    const said =
      'site add south --driver namespace --set driver.shared=[/home] --set nodes.idle=2s --nodes 2 --cpus 2 --memory 1500MiB'
    const where = [
      '--address',
      underlayAddress('south'),
      '--origin',
      underlayAddress('mirror'),
      '--image',
      places.image,
    ]
    const argv = [...said.split(' '), ...where, '--yes', '--json', ...words]
    return lab.causeway(argv, { timeoutMs: patienceMs })
  }

  const restartController = async () => {
    await lab.controller?.kill('SIGTERM')
    await lab.startController()
  }

  before(async () => {
    lab = await Lab.up({ name: labName, sites: ['east', 'west', 'south'], caches: false })
    lab.configure((config) => {
      delete config.sites.south
    })
    configured = `# Who to ask: alice.\n${lab.head.read(places.config)}`
    lab.head.write(places.config, { content: configured, mode: 0o640 })
    await lab.declareNodes()
    await lab.startController()
    const shown = await must(lab.hosts.south.exec(['ssh-keygen', '-lf', hostKeyPath]))
    fingerprint = shown.split(' ')[1] ?? ''
  })
  after(() => lab.down())

  test('nobody is asked, so somebody must have vouched for its key', async () => {
    const unknown = await add()
    assert.equal(unknown.code, 2)
    assert.ok(unknown.stderr.includes(`say --host-key ${fingerprint}`), unknown.stderr)
    const other = await add('--host-key', `SHA256:${'A'.repeat(43)}`)
    assert.notEqual(other.code, 0)
    assert.match(other.stderr, /not SHA256:AAAA/)
    assert.equal(lab.head.read(places.config), configured)
  })

  test('what fails leaves the configuration as it was; once mended, it goes on', async () => {
    const failed = await add('--host-key', fingerprint, '--program', '/opt/nothing')
    assert.notEqual(failed.code, 0)
    assert.match(failed.stderr, /there is no \/opt\/nothing here: bring Causeway to this host/)
    assert.match(failed.stderr, /^open +configuration/m)
    assert.equal(lab.head.read(places.config), configured)

    const { code, stdout, stderr } = await add('--host-key', fingerprint)
    assert.equal(code, 0, stderr)
    const steps = JSON.parse(stdout) as StepReport[]
    assert.ok(
      steps.every(({ outcome }) => outcome === 'ok'),
      stderr,
    )
    assert.match(stderr, /^ok +cache: Causeway is brought, with its Node: \d+ MiB; it runs in the background/m)
    assert.match(stderr, /test node: its router answers; it is removed/)
    assert.deepEqual(lab.machines(), [])
    assert.match(lab.head.read(places.config), /^# Who to ask: alice\.\n[^]*pool: 10\.77\.3\.0\/24/)
    assert.match(await must(lab.head.exec(['stat', '-c', '%a', places.config])), /^640$/m)
  })

  test('after a restart of the controller it is well, and a job runs there', async () => {
    await lab.declareNodes()
    await restartController()
    await until('site check finds nothing bad', patienceMs, async () => {
      return (await lab.causeway(['site', 'check', 'south'], { timeoutMs: patienceMs })).code === 0
    })
    const job = await submit(lab, 'hostname', '--constraint=site-south')
    await jobReaches(lab, job, 'COMPLETED')
    assert.equal(lab.head.read(`/home/alice/out-${job}`).trim(), 'south-1')
  })

  test('what was brought is renewed, and its cache started anew, only where it was brought', async () => {
    const cache = () => must(lab.hosts.south.exec(['cat', '/run/causeway-cache/pid']))
    const first = await cache()
    const renewed = await lab.causeway(['site', 'renew'], { timeoutMs: patienceMs })
    assert.equal(renewed.code, 0, renewed.stderr)
    assert.match(renewed.stderr, /^ok +south: Causeway is there already, with its Node; it runs in the background/m)
    assert.notEqual(await cache(), first)
    const { code, stderr } = await lab.causeway(['site', 'renew', 'east'])
    assert.equal(code, 2)
    assert.match(stderr, /east: Causeway was brought to south/)
  })

  test('removed, it leaves nothing but its images and scripts', async () => {
    await must(lab.causeway(['site', 'drain', 'south', '--wait'], { timeoutMs: patienceMs }))
    await shrunk(lab)
    const remove = () =>
      lab.causeway(['site', 'remove', 'south', '--yes', '--delete-packages'], { timeoutMs: patienceMs })
    const early = await remove()
    assert.notEqual(early.code, 0)
    assert.match(early.stderr, /the controller at \S+ runs .*stop it first/)

    await lab.controller?.kill('SIGTERM')
    const { code, stderr } = await remove()
    assert.equal(code, 0, stderr)
    assert.equal(lab.head.read(places.config), configured)
    const { south } = lab.hosts
    assert.doesNotMatch(await must(south.exec(['ip', '-o', 'link'])), /cw\w*77/)
    assert.doesNotMatch(await must(south.exec(['nft', 'list', 'tables'])), /causeway/)
    assert.doesNotMatch(await must(south.exec(['ps', '-eo', 'args='])), /causeway cache|main\.ts cache/)
    for (const path of [
      places.cacheConfig,
      '/var/lib/causeway/cache',
      '/var/lib/causeway/program',
      '/run/causeway-cache',
    ])
      assert.ok(!existsSync(south.path(path)), path)

    await lab.declareNodes()
    await lab.startController()
    assert.doesNotMatch(await must(lab.causeway(['site', 'list'])), /south/)
  })
})
