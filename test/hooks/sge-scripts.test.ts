import assert from 'node:assert/strict'
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { until } from '../../lab/until.ts'
import { HookScriptRig, hookScript } from './hook-script-rig.ts'

suite("Grid Engine's programs", () => {
  let rig: HookScriptRig
  let programs: ChildProcessWithoutNullStreams[]
  /** What they wrote to stderr. */
  let complaints: string

  beforeEach(() => {
    rig = new HookScriptRig()
    programs = []
    complaints = ''
    mkdirSync(join(rig.folder, 'bin'))
    mkdirSync(join(rig.folder, 'tmp'))
    mkdirSync(join(rig.folder, 'scripts/sge'), { recursive: true })
    symlinkSync(dirname(hookScript('hooks/post-event')), join(rig.folder, 'scripts/hooks'))
  })
  afterEach(async () => {
    // What they left in the background too.
    for (const { pid } of programs) if (pid !== undefined) killGroup(pid)
    await rig.cleanUp()
  })

  /** One of Grid Engine's commands, as a script of a few lines. */
  function command(name: string, ...lines: string[]): void {
    replace(join(rig.folder, 'bin', name), `#!/bin/bash\n${lines.join('\n')}\n`, 0o755)
  }

  /** Writes a file that may be read, or run, at any time. */
  function replace(file: string, text: string, mode = 0o644): void {
    writeFileSync(`${file}.new`, text, { mode })
    renameSync(`${file}.new`, file)
  }

  /** A program of scripts/sge that finds our commands first; it is talked to line by line. */
  function start(script: string, env: Record<string, string> = {}) {
    const path = join(rig.folder, 'scripts/sge', script)
    const bin = join(rig.folder, 'bin')
    writeFileSync(path, readFileSync(hookScript(`sge/${script}`), 'utf8').replace(/^PATH=/m, `PATH=${bin}:`))
    chmodSync(path, 0o755)
    const program = spawn(path, [], {
      cwd: '/',
      detached: true,
      env: { CAUSEWAY_SOCKET: rig.socket, CAUSEWAY_SPOOL: rig.spool, TMPDIR: join(rig.folder, 'tmp'), ...env },
    })
    programs.push(program)
    program.stderr.on('data', (part: Buffer) => {
      complaints += part.toString()
    })
    program.stdin.on('error', () => undefined) // it has ended: seen by its exit
    const lines = createInterface(program.stdout)[Symbol.asyncIterator]()
    return {
      say: (...said: string[]) => program.stdin.write(`${said.join('\n')}\n`),
      async next(): Promise<string | undefined> {
        const line = await lines.next()
        return line.done ? undefined : line.value
      },
      async end() {
        program.stdin.end()
        const [code] = program.exitCode === null ? await once(program, 'exit') : [program.exitCode]
        return code as number | null
      },
    }
  }

  suite('the job verifier', () => {
    const perSite = ['printf "%s\\n" make mpi mpi.east mpi.west smp']

    /** Verifies a job; resolves to all that was answered, the result last. */
    async function verify(jsv: ReturnType<typeof start>, ...params: string[]): Promise<string[]> {
      jsv.say('START')
      assert.equal(await jsv.next(), 'STARTED')
      jsv.say(...params.map((param) => `PARAM ${param}`), 'BEGIN')
      const said: string[] = []
      for (;;) {
        const line = await jsv.next()
        if (line === undefined) throw new Error(`it ended after ${JSON.stringify(said)}`)
        said.push(line.trim())
        if (line.startsWith('RESULT ')) return said
      }
    }
    // sge_qmaster refuses a submission when its verifier writes anything to stderr.
    afterEach(() => assert.equal(complaints, ''))

    const accepted = ['RESULT STATE ACCEPT']
    const confined = ['PARAM pe_name mpi.*', 'RESULT STATE CORRECT']

    test('keeps a parallel job in one site, whatever its range', async () => {
      command('qconf', ...perSite)
      const jsv = start('jsv')
      const job = ['VERSION 1.0', 'CONTEXT server', 'CLIENT qmaster', 'USER alice', 'CMDNAME /home/alice/a b.sh']
      assert.deepEqual(await verify(jsv, ...job, 'pe_name mpi', 'pe_min 4', 'pe_max 8'), confined)
      assert.deepEqual(await verify(jsv, ...job, 'ac a=1,b=2 3', 'pe_name mpi', 'pe_min 2', 'pe_max 2'), confined)
      assert.equal(await jsv.end(), 0)
    })

    test('leaves every other job as it is', async () => {
      command('qconf', ...perSite)
      const jsv = start('jsv')
      for (const params of [
        [],
        ['pe_name smp'], // no site has an environment of this name
        ['pe_name mp'],
        ['pe_name mpi.east'],
        ['pe_name mpi.*'],
        ['pe_name mp*'],
        ['pe_name $(id)'],
        ['pe_name mpi', 'ac causeway_sites=any'],
        ['ac a=b,causeway_sites=any,c=d', 'pe_name mpi'],
      ]) {
        assert.deepEqual(await verify(jsv, ...params), accepted, params.join('; '))
      }
      assert.deepEqual(await verify(jsv, 'ac causeway_sites=anywhere', 'pe_name mpi'), confined)
    })

    test('what one job asked for says nothing about the next', async () => {
      command('qconf', ...perSite)
      const jsv = start('jsv')
      assert.deepEqual(await verify(jsv, 'pe_name mpi', 'ac causeway_sites=any'), accepted)
      assert.deepEqual(await verify(jsv, 'pe_name mpi'), confined)
      assert.deepEqual(await verify(jsv), accepted)
    })

    test('sees environments soon that came later', async () => {
      command('qconf', 'echo mpi')
      const jsv = start('jsv')
      assert.deepEqual(await verify(jsv, 'pe_name mpi'), accepted)
      command('qconf', ...perSite)
      await until('it has looked again', 120_000, async () => (await verify(jsv, 'pe_name mpi')).length > 1)
      command('qconf', 'exit 1') // what was found holds for a while
      assert.deepEqual(await verify(jsv, 'pe_name mpi'), confined)
    })

    for (const [what, ...lines] of [
      ['fails', 'exit 1'],
      ['prints half a list and fails', 'echo mpi.east; exit 1'],
      ['never answers', 'sleep 60'],
    ] as const) {
      test(`accepts jobs as they are where qconf ${what}`, async () => {
        command('qconf', ...lines)
        const jsv = start('jsv')
        assert.deepEqual(await verify(jsv, 'pe_name mpi'), accepted)
        assert.deepEqual(await verify(jsv, 'pe_name mpi'), accepted)
      })
    }

    test('says nothing about programs that die under it', async () => {
      command('qconf', 'exec /bin/sleep 60')
      command('sleep', 'kill -9 $$')
      const jsv = start('jsv')
      assert.deepEqual(await verify(jsv, 'pe_name mpi'), accepted)
      assert.equal(await jsv.end(), 0)
    })

    test('accepts jobs as they are where it can write nothing down', async () => {
      command('qconf', ...perSite)
      const jsv = start('jsv', { TMPDIR: '/proc' })
      assert.deepEqual(await verify(jsv, 'pe_name mpi'), accepted)
    })

    test('goes on over lines that it does not know, and ends when it is told so', async () => {
      command('qconf', ...perSite)
      const jsv = start('jsv')
      jsv.say('', 'SHOW', 'ENV ADD HOME /home/alice', 'PARAM', 'PARAM pe_name mpi')
      assert.deepEqual(await verify(jsv, 'pe_name mpi'), confined)
      jsv.say('QUIT')
      assert.equal(await jsv.next(), undefined)
      assert.equal(await jsv.end(), 0)
      await until('its files are gone', 120_000, () => readdirSync(join(rig.folder, 'tmp')).length === 0)
    })

    test('tells the controller of a burst a few times at most, and of its last job', async () => {
      command('qconf', ...perSite)
      await rig.serve()
      const jsv = start('jsv')
      for (let job = 1; job <= 100; job++) await verify(jsv, `JOB_ID ${job}`)
      const last = { url: '/v1/hooks/sge/submit', body: { jobs: ['100'] } }
      await until('the last job is told', 120_000, () => JSON.stringify(rig.posted.at(-1)) === JSON.stringify(last))
      assert.ok(rig.posted.length < 50, `${rig.posted.length} calls`)
    })

    test('answers at once while the controller does not', async () => {
      command('qconf', ...perSite)
      await rig.serve(null)
      const jsv = start('jsv')
      assert.deepEqual(await verify(jsv, 'JOB_ID 1', 'pe_name mpi'), confined)
      await until('the controller is asked', 120_000, () => rig.requests.length > 0)
      for (let job = 2; job <= 50; job++) assert.deepEqual(await verify(jsv, `JOB_ID ${job}`), accepted)
      assert.equal(await jsv.end(), 0)
    })

    test('works without the program that tells the controller', async () => {
      command('qconf', ...perSite)
      const jsv = start('jsv')
      rmSync(join(rig.folder, 'scripts/hooks'))
      assert.deepEqual(await verify(jsv, 'JOB_ID 1', 'pe_name mpi'), confined)
      assert.deepEqual(await verify(jsv, 'JOB_ID 2'), accepted)
    })
  })

  suite('the load sensor', () => {
    /** A queue whose listing is a file: lines of number and state. */
    function queue(...jobs: string[]): void {
      const lines = jobs.map((job) => `     ${job.replace(' ', ' 0.5 name alice ')} 11/22/2026 10:00:00 1`)
      replace(join(rig.folder, 'jobs'), ['job-ID  prior', '------', ...lines, ''].join('\n'))
    }
    const pending = (count: number) => ({ url: '/v1/hooks/sge/load', body: { facts: { pending: String(count) } } })
    const hasPosted = (count: number) =>
      until(`${count} posts`, 120_000, () => rig.posted.length === count).then(() => rig.posted.at(-1))

    /** Has it looked after a report: it does so before the next one. */
    async function reportAndLook(sensor: ReturnType<typeof start>): Promise<void> {
      sensor.say('', '')
      for (let line = 0; line < 4; line++) await sensor.next()
    }

    beforeEach(() => {
      queue('1 r', '2 qw')
      command('qstat', `[ "$*" = "-u *" ] || exit 3`, `cat ${join(rig.folder, 'jobs')}`)
      command('qconf', 'echo "#name shortcut"')
    })

    test('reports nothing of its own, and ends with "quit"', async () => {
      const sensor = start('load-sensor')
      for (let report = 0; report < 3; report++) {
        sensor.say('')
        assert.deepEqual([await sensor.next(), await sensor.next()], ['begin', 'end'])
      }
      sensor.say('quit')
      assert.equal(await sensor.next(), undefined)
      assert.equal(await sensor.end(), 0)
    })

    test('reports the number of pending jobs where the cluster has the complex', async () => {
      command('qconf', 'echo "causeway_pending cp INT <= NO NO 0 0"')
      const sensor = start('load-sensor')
      sensor.say('')
      assert.deepEqual([await sensor.next(), await sensor.next()], ['begin', 'end']) // it has not looked yet
      sensor.say('')
      assert.equal(await sensor.next(), 'begin')
      assert.match((await sensor.next()) ?? '', /^[^:]+:causeway_pending:1$/)
      assert.equal(await sensor.next(), 'end')
    })

    test('tells the controller when the queue has changed, and only then', async () => {
      await rig.serve()
      const sensor = start('load-sensor', { CAUSEWAY_SENSOR_SECONDS: '60' })
      const report = () => reportAndLook(sensor)
      await report()
      await report()
      queue('1 r', '2 qw', '3 hqw')
      await report()
      assert.deepEqual(await hasPosted(1), pending(2))
      queue('1 r', '2 r', '3 hqw')
      await report()
      assert.deepEqual(await hasPosted(2), pending(1))
      await report()
      await report()
      queue('3 hqw')
      await report()
      assert.deepEqual(await hasPosted(3), pending(1))
    })

    test('looks by itself between reports', async () => {
      await rig.serve()
      const sensor = start('load-sensor', { CAUSEWAY_SENSOR_SECONDS: '1' })
      await reportAndLook(sensor)
      queue('1 r')
      assert.deepEqual(await hasPosted(1), pending(0))
    })

    test('a queue that does not answer has not changed', async () => {
      await rig.serve()
      const sensor = start('load-sensor', { CAUSEWAY_SENSOR_SECONDS: '60' })
      const report = () => reportAndLook(sensor)
      await report()
      command('qstat', 'echo "error: commlib error" >&2; exit 1')
      await report()
      command('qstat', `cat ${join(rig.folder, 'jobs')}`)
      await report()
      queue()
      await report()
      assert.deepEqual(await hasPosted(1), pending(0))
    })

    test('ends when sge_execd is gone', async () => {
      assert.equal(await start('load-sensor').end(), 0)
    })
  })

  for (const event of ['prolog', 'epilog']) {
    test(`the ${event} tells job and host`, async () => {
      await rig.serve()
      const { code } = await rig.run(`sge/${event}`, [], {
        JOB_ID: '42',
        SGE_TASK_ID: 'undefined',
        HOSTNAME: 'static-1',
      })
      assert.equal(code, 0)
      const element = { JOB_ID: '43', SGE_TASK_ID: '7', HOSTNAME: 'static-1' }
      assert.equal((await rig.run(`sge/${event}`, [], element)).code, 0)
      assert.deepEqual(rig.posted, [
        { url: `/v1/hooks/sge/${event}`, body: { nodes: 'static-1', jobs: ['42'] } },
        { url: `/v1/hooks/sge/${event}`, body: { nodes: 'static-1', jobs: ['43.7'] } },
      ])
    })

    test(`the ${event} keeps still where there is no controller, and writes nothing down`, async () => {
      const { code, stderr } = await rig.run(`sge/${event}`, [], { JOB_ID: '42', HOSTNAME: 'static-1' })
      assert.deepEqual([code, stderr, existsSync(rig.spool)], [0, '', false])
    })

    test(`the ${event} never stops a job`, async () => {
      await rig.serve(500)
      assert.equal((await rig.run(`sge/${event}`, [], { JOB_ID: '"', HOSTNAME: ' ' })).code, 0)
      assert.equal((await rig.run(`sge/${event}`, [], { JOB_ID: '1', HOSTNAME: 'static-1' })).code, 0)
    })
  }
})

/** Kills what there is of a process group. */
function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
