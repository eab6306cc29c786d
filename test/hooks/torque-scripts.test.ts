import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { hostname, tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { until } from '../../lab/until.ts'
import type { SchedulerConfig } from '../../src/config/controller-schema.ts'
import { torqueRole } from '../../src/hooks/schedulers/torque/role.ts'
import { HookScriptRig, hookScript } from './hook-script-rig.ts'

/** Runs a program with some stdin, whatever bytes it has. */
function run(argv: readonly string[], stdin: string | Buffer, env: Record<string, string> = {}) {
  return new Promise<{ code: number | null; stdout: Buffer; stderr: string }>((resolve, reject) => {
    const [program = '', ...args] = argv
    const child = spawn(program, args, { env: { PATH: process.env['PATH'] ?? '', ...env }, cwd: '/' })
    const out: Buffer[] = []
    let stderr = ''
    child.stdout.on('data', (part: Buffer) => out.push(part))
    child.stderr.on('data', (part: Buffer) => {
      stderr += part.toString()
    })
    child.stdin.on('error', () => undefined) // it need not read all
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, stdout: Buffer.concat(out), stderr }))
    child.stdin.end(stdin)
  })
}

suite('the submit filter', () => {
  let rig: HookScriptRig
  let site: string

  beforeEach(() => {
    rig = new HookScriptRig()
    site = join(rig.folder, 'preferred-site')
    writeFileSync(site, 'east\n')
  })
  afterEach(() => rig.cleanUp())

  async function filter(script: string | Buffer, args: readonly string[] = [], env: Record<string, string> = {}) {
    const paths = { CAUSEWAY_SOCKET: rig.socket, CAUSEWAY_SPOOL: rig.spool, CAUSEWAY_PREFERRED_SITE: site }
    const { code, stdout, stderr } = await run([hookScript('torque/submit-filter'), ...args], script, {
      ...paths,
      ...env,
    })
    assert.deepEqual([code, stderr], [0, ''])
    return stdout
  }
  const script = (...directives: string[]) => `#!/bin/bash\n${directives.join('\n')}\necho hello\n`
  const filtered = async (
    directive: string,
    ...rest: Parameters<typeof filter> extends [unknown, ...infer R] ? R : never
  ) => (await filter(script(directive), ...rest)).toString().split('\n')[1]

  test('keeps jobs of several nodes in the preferred site', async () => {
    for (const [before, after] of [
      ['#PBS -l nodes=2', '#PBS -l nodes=2:causeway-site-east'],
      ['#PBS -l nodes=2:ppn=4', '#PBS -l nodes=2:ppn=4:causeway-site-east'],
      ['#PBS -l nodes=1+1', '#PBS -l nodes=1:causeway-site-east+1:causeway-site-east'],
      ['#PBS -lnodes=2:fast', '#PBS -lnodes=2:fast:causeway-site-east'],
      [
        '#PBS -N x -l walltime=1:00:00,nodes=2,mem=1gb -j oe',
        '#PBS -N x -l walltime=1:00:00,nodes=2:causeway-site-east,mem=1gb -j oe',
      ],
      ['#PBS\t-l\tnodes=3:gpus=1\r', '#PBS\t-l\tnodes=3:gpus=1:causeway-site-east\r'],
      ['#PBS -l nodes=2 # two of them', '#PBS -l nodes=2:causeway-site-east # two of them'],
    ]) {
      assert.equal(await filtered(before ?? ''), after)
    }
  })

  test('leaves all others as they are', async () => {
    for (const directive of [
      '#PBS -l nodes=1:ppn=8',
      '#PBS -l nodes=node7:ppn=2',
      '#PBS -l walltime=1:00',
      '#PBS -l procs=8',
      '#PBS -l nodes=2:site-west',
      '#PBS -l nodes=2:causeway-site-west',
      '#PBS -l nodes=1:site-west+1:ppn=2',
      '#PBS -l nodes=$N',
      '#PBS -l "nodes=2 ppn=3"',
      '# PBS -l nodes=2',
      '##PBS -l nodes=2',
      '#pbs -l nodes=2',
    ]) {
      assert.equal(await filtered(directive), directive)
    }
  })

  test('looks at the directives only, which end at the first command', async () => {
    const text = '#!/bin/sh\n# words\n\n:\n#PBS -l nodes=2\necho\n#PBS -l nodes=3\n'
    const wanted = text.replace('nodes=2', 'nodes=2:causeway-site-east')
    assert.equal((await filter(text)).toString(), wanted)
  })

  test('leaves jobs alone that may be anywhere', async () => {
    const plain = '#PBS -l nodes=2'
    for (const free of ['#PBS -v CAUSEWAY_ANY_SITE=1', '#PBS -v A=1,CAUSEWAY_ANY_SITE=1,B=2']) {
      const text = script(plain, free)
      assert.equal((await filter(text)).toString(), text)
      const swapped = script(free, plain)
      assert.equal((await filter(swapped)).toString(), swapped)
    }
    assert.equal(await filtered(plain, ['-v', 'A=1,CAUSEWAY_ANY_SITE=1']), plain)
    assert.equal(await filtered(plain, ['-V'], { CAUSEWAY_ANY_SITE: '1' }), plain)
    assert.notEqual(await filtered(plain, ['-v', 'CAUSEWAY_ANY_SITE=10']), plain)
  })

  test("leaves it to qsub's arguments where they ask for nodes, and knows another prefix", async () => {
    const plain = '#PBS -l nodes=2'
    for (const args of [['-l', 'nodes=4'], ['-l', 'walltime=1,nodes=4'], ['-lnodes=4'], ['-l', 'procs=3'], ['-I']]) {
      assert.equal(await filtered(plain, args), plain)
    }
    assert.notEqual(await filtered(plain, ['-l', 'walltime=1:00', 'job.sh']), plain)
    assert.equal(await filtered('#JOB -l nodes=2', ['-C', '#JOB']), '#JOB -l nodes=2:causeway-site-east')
  })

  test('adds nothing where no site is preferred, or its name is none', async () => {
    for (const content of ['', '\n', 'East\n', 'a b\n', '-x\n', 'a:b\n', '$(id)\n', '../../etc\n']) {
      writeFileSync(site, content)
      assert.equal(await filtered('#PBS -l nodes=2'), '#PBS -l nodes=2')
    }
    rmSync(site)
    assert.equal(await filtered('#PBS -l nodes=2'), '#PBS -l nodes=2')
    writeFileSync(site, 'far-north') // no end of line
    assert.equal(await filtered('#PBS -l nodes=2'), '#PBS -l nodes=2:causeway-site-far-north')
  })

  test('passes every byte on, whatever the script is', async () => {
    const bytes = Buffer.from(Array.from({ length: 4096 }, (_, k) => (k * 7) % 256))
    for (const rest of [
      bytes,
      Buffer.alloc(0),
      Buffer.from('no end of line'),
      Buffer.from('\n\n\n'),
      Buffer.alloc(3_000_000, 'x\n'),
    ]) {
      assert.deepEqual(await filter(rest), rest)
      const head = Buffer.from('#!/bin/sh\n#PBS -l nodes=2\n')
      const out = await filter(Buffer.concat([head, Buffer.from('exec cat <<x\n'), rest]))
      assert.deepEqual(
        out,
        Buffer.concat([Buffer.from('#!/bin/sh\n#PBS -l nodes=2:causeway-site-east\nexec cat <<x\n'), rest]),
      )
    }
  })

  test('passes the script on as it is where it can not work', async () => {
    const broken = join(rig.folder, 'bin')
    mkdirSync(broken)
    for (const [name, body] of [
      ['awk', 'exit 2'],
      ['awk', 'kill -9 $$'],
      ['awk', 'echo garbage; exit 0'],
      ['mktemp', 'exit 1'],
    ] as const) {
      rmSync(broken, { recursive: true })
      mkdirSync(broken)
      writeFileSync(join(broken, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 })
      const copy = rig.copy('torque/submit-filter', (text) => text.replace(/^PATH=/m, `PATH=${broken}:`))
      const text = script('#PBS -l nodes=2')
      const { code, stdout } = await run([copy], text, { CAUSEWAY_PREFERRED_SITE: site })
      assert.deepEqual([code, stdout.toString()], [0, text], `${name}: ${body}`)
    }
  })

  test('tells the controller who has submitted, without making anybody wait', async () => {
    await rig.serve(202)
    await filter(script())
    await until('the event has come', 120_000, async () => rig.posted.length > 0)
    assert.deepEqual(rig.posted, [{ url: '/v1/hooks/torque/submit', body: { facts: { user: userInfo().username } } }])
  })
})

suite('prologue and epilogue', () => {
  let rig: HookScriptRig
  beforeEach(() => {
    rig = new HookScriptRig()
  })
  afterEach(() => rig.cleanUp())

  // As pbs_mom calls them.
  const args = ['12.head', 'alice', 'users', 'job', '123', 'nodes=1', 'batch', '']

  for (const event of ['prologue', 'epilogue']) {
    /** As installed: PBS_HOME/mom_priv/prologue, root's, mode 0500. */
    const installed = () => {
      const place = join(rig.folder, 'mom_priv')
      mkdirSync(place, { recursive: true })
      copyFileSync(hookScript(`torque/${event}`), join(place, event))
      chmodSync(join(place, event), 0o500)
      return join(place, event)
    }
    const env = () => ({ CAUSEWAY_SCRIPTS: join(hookScript('hooks'), '..') })

    test(`the ${event} tells the job and the node, and says nothing`, async () => {
      await rig.serve(202)
      assert.deepEqual(await rig.run(installed(), args, env()), { code: 0, stdout: '', stderr: '' })
      assert.deepEqual(await rig.run(`torque/${event}`, ['4[3].head', ...args.slice(1)]), {
        code: 0,
        stdout: '',
        stderr: '',
      })
      assert.deepEqual(rig.posted, [
        { url: `/v1/hooks/torque/${event}`, body: { nodes: hostname(), jobs: ['12.head'] } },
        { url: `/v1/hooks/torque/${event}`, body: { nodes: hostname(), jobs: ['4[3].head'] } },
      ])
    })

    test(`the ${event} never stops a job`, async () => {
      assert.deepEqual(await rig.run(installed(), args, env()), { code: 0, stdout: '', stderr: '' }) // no socket
      await rig.serve(400)
      assert.deepEqual(await rig.run(installed(), args, env()), { code: 0, stdout: '', stderr: '' })
      assert.deepEqual(await rig.run(installed(), args, { CAUSEWAY_SCRIPTS: '/nowhere' }), {
        code: 0,
        stdout: '',
        stderr: '',
      })
      assert.deepEqual(await rig.run(installed(), ['$(touch x)"', 'a'], env()), { code: 0, stdout: '', stderr: '' })
      assert.deepEqual(await rig.run(installed(), [], env()), { code: 0, stdout: '', stderr: '' })
    })
  }
})

suite('what makes a machine a Torque node', () => {
  let folder: string
  let home: string
  let prefix: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'causeway-torque-role-'))
    home = join(folder, 'spool')
    prefix = join(folder, 'torque')
    mkdirSync(join(prefix, 'sbin'), { recursive: true })
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const mom = (body: string) => writeFileSync(join(prefix, 'sbin/pbs_mom'), `#!/bin/bash\n${body}\n`, { mode: 0o755 })
  /** Runs the role to its end, as boot does; on a machine with systemd, whose files and services are not this machine's. */
  async function role(env: Record<string, string> = {}) {
    mkdirSync(join(folder, 'bin'), { recursive: true })
    writeFileSync(join(folder, 'bin/systemctl'), systemctl, { mode: 0o755 })
    const seed = {
      TORQUE_PREFIX: prefix,
      TORQUE_HOME: home,
      TORQUE_SERVER: '',
      TORQUE_PORT: '15001',
      HEAD_NAME: 'head',
      CALLS: join(folder, 'systemctl-calls'),
      PATH: `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}`,
      ...env,
    }
    const both = `${ownMachine} && "$1" install && "$1" serve`
    const inside = ['unshare', '--mount', '--propagation', 'private', '/bin/bash', '-c', both, 'bash']
    const { code, stdout } = await run([...inside, hookScript('torque/role')], '', seed)
    return { code, said: stdout.toString() }
  }
  const ownMachine = `mount -t tmpfs none /run && mkdir -p /run/etc /run/work /run/systemd/system &&
    mount -t overlay -o lowerdir=/etc,upperdir=/run/etc,workdir=/run/work none /etc && mkdir -p /etc/systemd/system`
  /** Writes down what it is asked, and what has become of a service's file by then. */
  const systemctl = '#!/bin/bash\necho "$*, $(readlink /etc/systemd/system/pbs_mom.service)" >>"$CALLS"\n'
  const config = () => readFileSync(join(home, 'mom_priv/config'), 'utf8')

  /** Like pbs_mom: puts itself into the background and writes down who it is; there it lives for a moment. */
  const shortLived = 'echo "$*" >>"$(dirname "$0")/calls"; sleep 0.3 & echo $! >"$2/mom_priv/mom.lock"'

  test('configures pbs_mom for the server, runs it, starts it again, and gives up when it will not stay', async () => {
    mom(shortLived)
    const { code, said } = await role()
    assert.equal(code, 1)
    assert.match(said, /pbs_mom ended after/)
    assert.equal(readFileSync(join(prefix, 'sbin/calls'), 'utf8'), `-d ${home}\n`.repeat(5))
    assert.equal(readFileSync(join(home, 'server_name'), 'utf8'), 'head\n')
    assert.equal(config(), '$pbsserver head\n$status_update_time 15\n')
    const mode = (name: string) => (statSync(join(home, name)).mode & 0o7777).toString(8)
    assert.deepEqual(['mom_priv', 'spool', 'undelivered', 'aux'].map(mode), ['751', '1777', '1777', '755'])
  })

  test("masks and stops the image's own services before it starts anything", async () => {
    const calls = join(folder, 'systemctl-calls')
    mom(`cp ${calls} ${calls}.then; kill -9 $PPID`)
    await role()
    assert.equal(
      readFileSync(`${calls}.then`, 'utf8'),
      'stop pbs_mom*.service torque-mom*.service trqauthd*.service, /dev/null\n',
    )
  })

  test("keeps what the image's configuration says of anything else, and takes another server and port", async () => {
    mom('kill -9 $PPID') // all that is of interest has happened
    mkdirSync(join(home, 'mom_priv'), { recursive: true })
    writeFileSync(
      join(home, 'mom_priv/config'),
      '$usecp *:/home /home\n$pbsserver old\n$clienthost old\n$status_update_time 45\n',
    )
    await role({ TORQUE_SERVER: 'batch.example', TORQUE_PORT: '15011' })
    assert.equal(config(), '$usecp *:/home /home\n$status_update_time 45\n$pbsserver batch.example:15011\n')
  })

  test('says what is missing where the image has no Torque', async () => {
    const { code, said } = await role()
    assert.equal(code, 1)
    assert.match(said, /there is no .*sbin\/pbs_mom: the image/)
    assert.equal(existsSync(home), false)
  })

  test('the seed has all that it needs', async () => {
    const scheduler: SchedulerConfig<'torque'> = {
      kind: 'torque',
      prefix: '/opt/torque',
      home: '/var/spool/torque',
      port: 15_001,
      placeholder: 'p',
      explain: true,
    }
    const made = await torqueRole(scheduler)
    const env = {
      TORQUE_PREFIX: '/opt/torque',
      TORQUE_HOME: '/var/spool/torque',
      TORQUE_SERVER: '',
      TORQUE_PORT: '15001',
    }
    assert.deepEqual(made.env, env)
    assert.deepEqual(
      made.files.map(({ path }) => path),
      ['install'],
    )
    assert.equal((await torqueRole({ ...scheduler, server: 'batch' })).env['TORQUE_SERVER'], 'batch')
    const used = new Set([...made.program.matchAll(/\$\{?(TORQUE_[A-Z]+)/g)].map((match) => match[1]))
    assert.deepEqual(
      [...used].sort((a = '', b = '') => a.localeCompare(b)),
      Object.keys(env).sort(),
    )
  })
})
