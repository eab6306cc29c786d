import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const scripts = fileURLToPath(new URL('../../scripts/slurm/', import.meta.url))
const resumeFile = fileURLToPath(new URL('schedulers/slurm/samples/resume-file.txt', import.meta.url))

suite("slurmctld's programs", () => {
  let folder: string
  let socket: string
  let server: Server | undefined
  let requests: { url: string; type: string; body: unknown }[]

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'causeway-scripts-'))
    socket = join(folder, 'causeway.sock')
    requests = []
  })
  afterEach(() => {
    server?.closeAllConnections()
    server?.close()
    server = undefined
    rmSync(folder, { recursive: true, force: true })
  })

  /** Serves on the socket; `status` null leaves every request unanswered. */
  async function serve(status: number | null): Promise<void> {
    const made = createServer((request, response) => {
      let text = ''
      request.on('data', (part: Buffer) => {
        text += part.toString()
      })
      request.on('end', () => {
        requests.push({ url: request.url ?? '', type: request.headers['content-type'] ?? '', body: JSON.parse(text) })
        if (status !== null) response.writeHead(status).end()
      })
    })
    server = made
    await new Promise<void>((resolve) => made.listen(socket, resolve))
  }

  /** Runs a script with the bare environment that slurmctld gives. */
  function run(script: string, args: readonly string[], env: Record<string, string> = {}) {
    return new Promise<{ code: number | null; stderr: string; ms: number }>((resolve, reject) => {
      const began = performance.now()
      const child = spawn(join(scripts, script), args, { env: { CAUSEWAY_SOCKET: socket, ...env }, cwd: '/' })
      let stderr = ''
      child.stderr.on('data', (part: Buffer) => {
        stderr += part.toString()
      })
      child.once('error', reject)
      child.once('close', (code) => resolve({ code, stderr, ms: performance.now() - began }))
    })
  }

  test('resume tells names and jobs', async () => {
    await serve(202)
    const { code, stderr } = await run('resume', ['sn[1-2],east-4'], { SLURM_RESUME_FILE: resumeFile })
    assert.deepEqual([code, stderr], [0, ''])
    const resume = JSON.parse(readFileSync(resumeFile, 'utf8'))
    const body = { nodes: 'sn[1-2],east-4', resume }
    assert.deepEqual(requests, [{ url: '/v1/hooks/slurm/resume', type: 'application/json', body }])
  })

  for (const event of ['resume', 'suspend', 'resume-fail']) {
    test(`${event} without a resume file tells the names`, async () => {
      await serve(202)
      assert.equal((await run(event, ['east-[1-3]'])).code, 0)
      assert.deepEqual(requests, [
        { url: `/v1/hooks/slurm/${event}`, type: 'application/json', body: { nodes: 'east-[1-3]' } },
      ])
    })
  }

  test('a resume file that is missing or is no object is left out', async () => {
    await serve(202)
    const broken = join(folder, 'broken')
    writeFileSync(broken, '{"jobs":[')
    for (const file of [broken, join(folder, 'missing'), folder]) {
      assert.equal((await run('resume', ['east-1'], { SLURM_RESUME_FILE: file })).code, 0)
    }
    assert.deepEqual(
      requests.map((request) => request.body),
      [{ nodes: 'east-1' }, { nodes: 'east-1' }, { nodes: 'east-1' }],
    )
  })

  test('the epilog tells the job', async () => {
    await serve(202)
    assert.equal((await run('epilog-slurmctld', [], { SLURM_JOB_ID: '42' })).code, 0)
    assert.deepEqual(requests, [{ url: '/v1/hooks/slurm/epilog', type: 'application/json', body: { job: '42' } }])
  })

  test('what is no hostlist is not sent', async () => {
    await serve(202)
    for (const nodes of ['a"b', 'a b', 'a\\', 'a{', '$(id)', '', 'a\nb']) {
      const { code, stderr } = await run('resume', [nodes])
      assert.equal(code, 0)
      assert.match(stderr, /unexpected argument/)
    }
    assert.deepEqual(requests, [])
  })

  test('a refusal is said on stderr and is no failure', async () => {
    await serve(400)
    const { code, stderr } = await run('suspend', ['east-1'])
    assert.equal(code, 0)
    assert.match(stderr, /causeway suspend: not delivered: .*400/)
  })

  test('an absent controller is no failure', async () => {
    const { code, stderr } = await run('resume', ['east-1'])
    assert.equal(code, 0)
    assert.match(stderr, /not delivered/)
  })

  test('a controller that does not answer is not waited for', async () => {
    await serve(null)
    const { code, stderr } = await run('resume', ['east-1'])
    assert.equal(code, 0)
    assert.match(stderr, /not delivered: .*timed out/i)
    assert.equal(requests.length, 1)
  })

  test('without curl nothing is sent and nothing fails', async () => {
    // The scripts put the system's folders first in PATH, so they are run from a root where there is no curl.
    const root = join(folder, 'root')
    mkdirSync(root)
    const script = readFileSync(join(scripts, 'post-event'), 'utf8').replace(/^PATH=.*$/m, `PATH=${root}`)
    writeFileSync(join(root, 'post-event'), script)
    chmodSync(join(root, 'post-event'), 0o755)
    symlinkSync(join(scripts, 'resume'), join(root, 'resume'))
    const { code, stderr } = await new Promise<{ code: number | null; stderr: string }>((resolve) => {
      const child = spawn('/bin/sh', [join(root, 'resume'), 'east-1'], { env: {}, cwd: '/' })
      let said = ''
      child.stderr.on('data', (part: Buffer) => {
        said += part.toString()
      })
      child.once('close', (status) => resolve({ code: status, stderr: said }))
    })
    assert.deepEqual({ code, stderr }, { code: 0, stderr: 'causeway resume: curl is missing\n' })
  })

  suite('the prolog', () => {
    /** Slurm's commands as scripts: each prints the next line of its list, the last one for ever. */
    function fakeSlurm(answers: { sinfo: readonly string[]; squeue?: readonly string[] }): string {
      const script = readFileSync(join(scripts, 'prolog-slurmctld'), 'utf8').replace(/^PATH=/m, `PATH=${folder}:`)
      const place = join(folder, 'prolog')
      writeFileSync(place, script, { mode: 0o755 })
      for (const [name, list] of Object.entries({ squeue: ['<7 CONFIGURING>'], ...answers })) {
        writeFileSync(join(folder, `${name}.answers`), `${list.join('\n')}\n`)
        const next = `#!/bin/sh\necho >>${folder}/${name}.calls\nn=$(wc -l <${folder}/${name}.calls)\n`
        const line = `line=$(sed -n "\${n}p" ${folder}/${name}.answers)\n[ -n "$line" ] || line=$(tail -n 1 ${folder}/${name}.answers)\n`
        const print = `[ "$line" = nothing ] || echo "$line"\n`
        writeFileSync(join(folder, name), next + line + print, { mode: 0o755 })
      }
      return place
    }
    const calls = (name: string) => readFileSync(join(folder, `${name}.calls`), 'utf8').length
    const runProlog = (
      place: string,
      env: Record<string, string> = { SLURM_JOB_ID: '7', SLURM_JOB_NODELIST: 'east-[1-2]' },
    ) =>
      new Promise<number | null>((resolve) => {
        spawn(place, [], { env, cwd: '/', stdio: 'ignore' }).once('close', resolve)
      })

    test('returns when the last node answers', async () => {
      const place = fakeSlurm({ sinfo: ['allocated#', 'mixed*', 'allocated~', 'allocated'] })
      assert.equal(await runProlog(place), 0)
      assert.equal(calls('sinfo'), 4)
    })

    test('gives up when a node is down', async () => {
      const place = fakeSlurm({ sinfo: ['allocated#', 'down~'] })
      assert.equal(await runProlog(place), 0)
      assert.equal(calls('sinfo'), 2)
    })

    test('gives up when the job no longer waits', async () => {
      const place = fakeSlurm({ sinfo: ['idle#'], squeue: ['<7 CONFIGURING>', '<7 PENDING>'] })
      assert.equal(await runProlog(place), 0)
      assert.equal(calls('squeue'), 2)
    })

    test('goes on while slurmctld does not answer', async () => {
      const place = fakeSlurm({ sinfo: ['allocated#', 'nothing', 'allocated'] })
      assert.equal(await runProlog(place), 0)
      assert.equal(calls('sinfo'), 3)
    })

    test('does nothing where there is no job', async () => {
      const place = fakeSlurm({ sinfo: ['allocated#'] })
      assert.equal(await runProlog(place, {}), 0)
    })
  })
})
