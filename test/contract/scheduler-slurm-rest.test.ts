import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { after, before, suite, test } from 'node:test'
import type { Daemon } from '../../lab/process.ts'
import { slurmConfPath } from '../../lab/slurm.ts'
import { until } from '../../lab/until.ts'
import { systemClock } from '../../src/base/clock.ts'
import { SlurmRest } from '../../src/hooks/schedulers/slurm/rest.ts'
import { SlurmScheduler } from '../../src/hooks/schedulers/slurm/scheduler.ts'
import { TokenFromSlurm, type TokenSource } from '../../src/hooks/schedulers/slurm/token.ts'
import { SlurmRig } from './scheduler-slurm-rig.ts'

suite('a real slurmrestd', () => {
  let rig: SlurmRig
  let daemon: Daemon
  let url: string
  const opened: SlurmRest[] = []
  before(async () => {
    rig = await SlurmRig.open('slurmrest', { jwt: true })
    // A user of no rights; slurmrestd runs neither as root nor as SlurmUser.
    const folder = rig.head.path('/run/slurmrestd')
    mkdirSync(folder, { mode: 0o777 })
    await rig.head.exec(['chmod', '0777', '/run/slurmrestd'])
    url = `unix:${folder}/rest.sock`
    daemon = await rig.head.start(
      [
        'slurmrestd',
        '-f',
        slurmConfPath,
        '-a',
        'rest_auth/jwt',
        '-s',
        'openapi/v0.0.38',
        'unix:/run/slurmrestd/rest.sock',
      ],
      { user: 'alice', env: { SLURM_JWT: 'daemon' } },
    )
    await until('slurmrestd listens', 120_000, async () => {
      return (await rig.head.exec(['test', '-S', '/run/slurmrestd/rest.sock'])).code === 0
    })
  })
  after(async () => {
    await Promise.all(opened.map((rest) => rest.close()))
    await rig?.close()
  })

  const reached = () => ({ host: rig.head, conf: slurmConfPath, clock: systemClock })
  function schedulerWith(tokens: TokenSource, user = 'slurm'): SlurmScheduler {
    const rest = new SlurmRest({ url, user, tokens })
    opened.push(rest)
    return new SlurmScheduler({ ...reached(), rest })
  }

  test('it says what the commands say, and what was done through one is seen through the other', async () => {
    const scheduler = schedulerWith(new TokenFromSlurm(reached(), 'slurm'))
    await scheduler.close(['west-1'], 'closed')
    const id = await rig.sbatch('--hold', '--nodes=2', '--comment=any-site', '--array=1-3', '--wrap=true')
    const [byRest, byCommands] = [await scheduler.snapshot(), await rig.scheduler.snapshot()]
    assert.deepEqual(byRest, byCommands)
    assert.ok(byRest.jobs.some((job) => job.id === `${id}_[1-3]` && job.anySite))
    assert.ok(byRest.nodes.some((node) => node.name === 'west-1' && node.reason === 'causeway: closed'))
  })

  test('a token that slurmctld does not take gives no queue, and the next one does', async () => {
    const asked = new TokenFromSlurm(reached(), 'slurm')
    let isBad = true
    const tokens: TokenSource = {
      token: async () => (isBad ? 'eyJhbGciOiJIUzI1NiJ9.eyJzdW4iOiJ4In0.AAAA' : asked.token()),
      forget: () => {
        isBad = false
      },
    }
    const scheduler = schedulerWith(tokens)
    await assert.rejects(scheduler.snapshot(), { code: 'SchedulerUnreachable', message: /takes no token of slurm/ })
    assert.equal((await scheduler.snapshot()).nodes.length, 3)
  })

  test('while slurmctld is away there is no queue, and while slurmrestd is away neither', async () => {
    const scheduler = schedulerWith(new TokenFromSlurm(reached(), 'slurm'))
    await scheduler.snapshot()
    await rig.whileAway(async () => {
      await assert.rejects(scheduler.snapshot(), { code: 'SchedulerUnreachable' })
    })
    await until('it is back', 120_000, () => scheduler.snapshot().catch(() => false))
    await daemon.kill()
    await assert.rejects(scheduler.snapshot(), { code: 'SchedulerUnreachable' })
  })
})
