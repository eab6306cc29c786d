import assert from 'node:assert/strict'
import { after, afterEach, before, suite, test } from 'node:test'
import { SlurmRig } from './scheduler-slurm-rig.ts'

suite('job_submit.lua in a real slurmctld', () => {
  let rig: SlurmRig
  before(async () => {
    rig = await SlurmRig.open('slurmonesite', { oneSite: true })
  })
  afterEach(() => rig.reset())
  after(() => rig?.close())

  const both = '[site-east|site-west]'

  /** The constraint that Slurm has of each part of a job, which stays pending. */
  async function constraintOf(...options: string[]): Promise<string[]> {
    const id = await rig.sbatch('--hold', ...options, '--wrap=true')
    const { jobs } = await rig.scheduler.snapshot()
    return jobs.filter((job) => job.id.split(/[_+]/)[0] === id).map((job) => job.features)
  }

  const cases: readonly [string, readonly string[], readonly string[]][] = [
    ['several nodes', ['--nodes=2'], [both]],
    ['a range of nodes', ['--nodes=1-3'], [both]],
    ['several tasks, wherever they go', ['--ntasks=3'], [both]],
    ['one node', ['--nodes=1', '--ntasks=2'], ['']],
    ['nothing', [], ['']],
    ['an array of jobs of one node', ['--array=1-3'], ['']],
    ['an array of jobs of several nodes', ['--array=1-3', '--nodes=2'], [both]],
    ['parts', ['--ntasks=1', ':', '--nodes=2', ':', '--nodes=2', '--constraint=site-west'], ['', both, 'site-west']],
    ['a feature', ['--nodes=2', '--constraint=common'], [`common&${both}`]],
    ['features', ['--nodes=2', '--constraint=common&common2'], [`common&common2&${both}`]],
    ['one of some features', ['--nodes=2', '--constraint=common|common2'], [`(common|common2)&${both}`]],
    ['both', ['--nodes=2', '--constraint=(common|common2)&common'], [`(common|common2)&common&${both}`]],
    ['what can not be joined', ['--nodes=2', '--constraint=(common|common2)|common'], ['(common|common2)|common']],
    ['counts', ['--nodes=2', '--constraint=common*2'], ['common*2']],
    ['its own choice', ['--nodes=2', '--constraint=[common|common2]'], ['[common|common2]']],
    ['a site', ['--nodes=2', '--constraint=site-west&common'], ['site-west&common']],
    ['both sites', ['--nodes=2', '--constraint=[site-east*1&site-west*1]'], ['[site-east*1&site-west*1]']],
    ['nodes by name', ['--nodes=2', '--nodelist=east-1'], ['']],
    ['any site', ['--nodes=2', '--comment=any-site'], ['']],
    ['any site, among other words', ['--nodes=2', '--comment=paper 3, any-site!'], ['']],
    ['a comment on something else', ['--nodes=2', '--comment=not any-sites, many-site'], [both]],
  ]
  test('jobs that may get several nodes are confined to one site', async () => {
    for (const name of ['east-1', 'east-2', 'west-1']) {
      const features = `site-${name.split('-')[0]},common,common2`
      const argv = [`nodename=${name}`, `availablefeatures=${features}`, `activefeatures=${features}`]
      assert.equal((await rig.head.exec(['scontrol', 'update', ...argv])).code, 0)
    }
    for (const [what, options, expected] of cases) {
      assert.deepEqual(await constraintOf(...options), expected, `a job that asks for ${what}`)
    }
  })

  test('jobs that the policy lets span sites are left alone: by its first rule for the partition and the features', async () => {
    const path = '/etc/slurm/causeway-sites'
    const sites = rig.head.read(path)
    const features = ['--nodes=2', '--constraint=common']
    const withRules = async (...rules: string[]) => {
      rig.head.write(path, { content: sites + rules.map((rule) => `placement ${rule}\n`).join('') })
      return [...(await constraintOf('--nodes=2')), ...(await constraintOf(...features))]
    }
    try {
      assert.deepEqual(await withRules('* common any-site'), [both, 'common'])
      assert.deepEqual(await withRules('batch * any-site'), ['', 'common'])
      assert.deepEqual(await withRules('other * any-site'), [both, `common&${both}`])
      assert.deepEqual(await withRules('batch common one-site', '* * any-site'), ['', `common&${both}`])
      assert.deepEqual(await withRules('nonsense', 'batch * sometimes'), [both, `common&${both}`])
    } finally {
      rig.head.write(path, { content: sites })
    }
  })

  test('what users ask for is seen: any site', async () => {
    await rig.sbatch('--hold', '--nodes=2', '--comment=any-site', '--wrap=true')
    await rig.sbatch('--hold', '--nodes=2', '--comment=many-site', '--wrap=true')
    const { jobs } = await rig.scheduler.snapshot()
    const pending = jobs.filter((job) => job.state === 'pending')
    assert.deepEqual(
      pending.map((job) => job.anySite),
      [true, undefined],
    )
  })

  test('both nodes are in one site, though the preferred site has one left', async () => {
    await rig.scheduler.close(['east-1', 'west-1'], 'closed')
    const id = await rig.submit({ nodes: 2 })
    const waiting = await rig.until('it was looked at', (q) => q.jobs.some((job) => job.id === id && job.reason !== ''))
    assert.equal(waiting.jobs.find((job) => job.id === id)?.blocked, null)
    await rig.scheduler.reopen(['west-1'])
    const spread = await rig.sbatch('--nodes=2', '--exclusive', '--comment=any-site', '--wrap=true')
    const placed = await rig.until('the job for any site has its nodes', (queue) =>
      queue.jobs.some((job) => job.id === spread && job.state === 'starting'),
    )
    const nodesOf = (queue: typeof placed, job: string) =>
      queue.jobs.find((other) => other.id === job)?.nodes.toSorted()
    assert.deepEqual(nodesOf(placed, spread), ['east-2', 'west-1'])
    assert.deepEqual(nodesOf(placed, id), [])
    await rig.head.exec(['scancel', spread])
    await rig.scheduler.fail(['east-2', 'west-1'], 'not needed')
    await rig.scheduler.reopen(['east-1', 'east-2', 'west-1'])
    const together = await rig.until('it has its nodes', (queue) =>
      queue.jobs.some((job) => job.id === id && job.state === 'starting'),
    )
    assert.deepEqual(nodesOf(together, id), ['east-1', 'east-2'])
  })

  test('a constraint that is changed later stays as it was changed', async () => {
    const id = await rig.sbatch('--hold', '--nodes=2', '--wrap=true')
    for (const features of ['site-west', '']) {
      await rig.head.exec(['scontrol', 'update', `jobid=${id}`, `features=${features}`], { user: 'alice' })
      const { jobs } = await rig.scheduler.snapshot()
      assert.equal(jobs.find((job) => job.id === id)?.features, features)
    }
  })

  test('whatever is wrong with the file of sites, jobs are submitted as they are', async () => {
    const file = '/etc/slurm/causeway-sites'
    const good = rig.head.read(file)
    try {
      for (const content of ['', 'site-east\n', 'site-east\nsite-east\n', 'rubbish|x\n\0\nsite- west', '[site-east']) {
        rig.head.write(file, { content })
        assert.deepEqual(await constraintOf('--nodes=2'), [''], JSON.stringify(content))
      }
      await rig.head.exec(['rm', file])
      assert.deepEqual(await constraintOf('--nodes=2'), [''])
      await rig.head.exec(['mkdir', file])
      assert.deepEqual(await constraintOf('--nodes=2'), [''])
    } finally {
      await rig.head.exec(['rm', '-rf', file])
      rig.head.write(file, { content: good })
    }
    assert.deepEqual(await constraintOf('--nodes=2'), [both])
  })
})
