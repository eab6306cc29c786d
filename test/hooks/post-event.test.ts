import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { HookScriptRig } from './hook-script-rig.ts'

const script = 'hooks/post-event'

suite('post-event', () => {
  let rig: HookScriptRig
  beforeEach(() => {
    rig = new HookScriptRig()
  })
  afterEach(() => rig.cleanUp())

  /**
   * Resolves once nothing is kept any more; rejects after two minutes. A call's own delivery does nothing where that of the call
   * before has not yet seen that it can't.
   */
  async function untilDelivered(): Promise<void> {
    const end = Date.now() + 120_000
    while (rig.kept.length > 0) {
      assert.ok(Date.now() < end, 'events are still kept')
      await rig.run(script, ['--deliver'])
    }
  }

  test('an event has an id, a time, nodes, jobs and facts', async () => {
    await rig.serve()
    const before = Date.now()
    const args = [
      'sge',
      'submit',
      'nodes=a,b',
      'job=7',
      'job=8.head',
      'user=J. Doe',
      'queue=all.q',
      'empty=',
      'odd=x"y',
    ]
    const { code, stdout, stderr } = await rig.run(script, args)
    assert.deepEqual([code, stdout, stderr], [0, '', 'causeway submit: left out, for its odd characters: odd\n'])
    const [request] = rig.requests
    assert.deepEqual(request?.body, {
      nodes: 'a,b',
      jobs: ['7', '8.head'],
      facts: { user: 'J. Doe', queue: 'all.q' },
    })
    assert.equal(request?.url, '/v1/hooks/sge/submit')
    assert.match(request?.id ?? '', /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f-]{21}$/)
    assert.ok(request && request.at >= before && request.at <= Date.now())
    assert.equal(existsSync(rig.spool), false)
  })

  test('no two events have the same id', async () => {
    await rig.serve()
    await Promise.all([1, 2, 3].map(() => rig.run(script, ['sge', 'submit'])))
    assert.equal(new Set(rig.requests.map(({ id }) => id)).size, 3)
  })

  test('what can not be said is not sent, and is no failure', async () => {
    await rig.serve()
    for (const args of [
      [],
      ['slurm'],
      ['slurm', 'Resume'],
      ['slurm', '../resume'],
      ['slurm/x', 'resume'],
      ['slurm', 'resume', 'nodes=a"b'],
      ['slurm', 'resume', 'nodes=a b'],
      ['slurm', 'resume', 'nodes=$(id)'],
      ['slurm', 'resume', 'nodes=a\nb'],
      ['slurm', 'resume', 'job=1;2'],
      ['slurm', 'resume', 'a-1'],
      ['slurm', 'resume', 'A=1'],
    ]) {
      const { code, stderr } = await rig.run(script, args)
      assert.equal(code, 0)
      assert.match(stderr, /unexpected argument|usage/, args.join(' '))
    }
    assert.deepEqual(rig.requests, [])
    assert.equal(existsSync(rig.spool), false)
  })

  test('a refusal is said on stderr, and not kept', async () => {
    await rig.serve(400)
    const { code, stderr } = await rig.run(script, ['slurm', 'suspend', 'nodes=a'])
    assert.deepEqual([code, stderr], [0, 'causeway suspend: refused with status 400\n'])
    assert.equal(existsSync(rig.spool), false)
  })

  for (const status of [500, 503, 429, 408]) {
    test(`an event that is answered with ${status} is kept`, async () => {
      await rig.serve(status)
      const { code, stderr } = await rig.run(script, ['slurm', 'epilog', 'job=7'])
      assert.deepEqual([code, stderr], [0, `causeway epilog: kept for later: status ${status}\n`])
      assert.equal(rig.kept.length, 1)
    })
  }

  test('while nobody answers events are kept as they would have been sent', async () => {
    const { code, stderr } = await rig.run(script, ['slurm', 'resume', 'nodes=a[1-2]', 'job=7'])
    assert.equal(code, 0)
    assert.match(stderr, /^causeway resume: kept for later: .*connect.*\n$/)
    const [event] = rig.kept
    const { id, at, ...body } = event?.body ?? {}
    assert.deepEqual([event?.where, body], ['slurm/resume', { nodes: 'a[1-2]', jobs: ['7'] }])
    assert.match(event?.name ?? '', new RegExp(`^${String(at)}\\d{6}-${String(id)}\\.event$`))
    assert.equal(statSync(join(rig.spool, event?.name ?? '')).mode & 0o007, 0)
    assert.equal(statSync(rig.spool).mode & 0o777, 0o700)
    const deep = { CAUSEWAY_SPOOL: join(rig.folder, 'var', 'hooks') }
    await rig.run(script, ['slurm', 'resume', 'nodes=a'], deep)
    assert.deepEqual(
      ['var', 'var/hooks'].map((name) => statSync(join(rig.folder, name)).mode & 0o777),
      [0o755, 0o700],
    )
    assert.deepEqual(readdirSync(rig.spool).length, 1)
  })

  test('a controller that takes the call and does not answer is not waited for', async () => {
    await rig.serve(null)
    const { code, stderr } = await rig.run(script, ['slurm', 'epilog', 'job=7'])
    assert.equal(code, 0)
    assert.match(stderr, /kept for later: .*timed out/i)
    assert.equal(rig.kept[0]?.body['id'], rig.requests[0]?.id)
  })

  test('what was kept is delivered in its order once the controller is back, the new event last', async () => {
    for (const job of [1, 2, 3, 4]) await rig.run(script, ['slurm', 'epilog', `job=${job}`])
    const ids = rig.kept.map(({ body }) => body['id'])
    await rig.serve()
    await rig.run(script, ['slurm', 'resume', 'nodes=a'])
    await untilDelivered()
    assert.deepEqual(
      rig.posted.map(({ url, body }) => [url, (body as { jobs?: string[] }).jobs]),
      [...[1, 2, 3, 4].map((job) => ['/v1/hooks/slurm/epilog', [String(job)]]), ['/v1/hooks/slurm/resume', undefined]],
    )
    assert.deepEqual(
      rig.requests.slice(0, 4).map(({ id }) => id),
      ids,
    )
  })

  test('the delivery ends where the controller goes away, and loses nothing', async () => {
    for (const id of [1, 2]) rig.put(id, 'slurm/epilog', {})
    await rig.serve(503)
    await rig.run(script, ['--deliver'])
    assert.deepEqual([rig.requests.length, rig.kept.length], [1, 2])
  })

  test('a kept event that is refused, or damaged, does not stand in the way of others', async () => {
    rig.put(3, 'slurm/epilog', {})
    writeFileSync(join(rig.spool, '1000000000000000000-x.event'), '../../v1/status\n{}\n')
    writeFileSync(join(rig.spool, '1000000000000000001-x.event'), '')
    await rig.serve(400)
    await rig.run(script, ['--deliver'])
    assert.deepEqual([rig.requests.length, rig.kept.length], [1, 0])
  })

  test('many calls at once deliver each event once', async () => {
    for (const job of [1, 2, 3]) await rig.run(script, ['slurm', 'epilog', `job=${job}`])
    await rig.serve()
    await Promise.all([4, 5, 6, 7].map((job) => rig.run(script, ['slurm', 'epilog', `job=${job}`])))
    await rig.run(script, ['slurm', 'epilog', 'job=8'])
    await untilDelivered()
    assert.equal(new Set(rig.requests.map(({ id }) => id)).size, 8)
    assert.equal(rig.requests.length, 8)
  })

  test('links in the folder are not followed', async () => {
    await rig.run(script, ['slurm', 'epilog', 'job=1'])
    const secret = join(rig.folder, 'secret')
    writeFileSync(secret, 'slurm/epilog\n{"secret":true}\n')
    symlinkSync(secret, join(rig.spool, '1000000000000000000-x.event'))
    await rig.serve()
    await rig.run(script, ['--deliver'])
    assert.deepEqual(
      rig.requests.map(({ body }) => body),
      [{ jobs: ['1'] }],
    )
  })

  test('a folder that is a link, that anybody may write to, or that is full keeps nothing, and is no failure', async () => {
    const says = async (why: RegExp) => {
      const { code, stderr } = await rig.run(script, ['slurm', 'epilog', 'job=1'])
      assert.equal(code, 0)
      assert.match(stderr, /^causeway epilog: lost: /)
      assert.match(stderr, why)
    }
    const other = join(rig.folder, 'other')
    mkdirSync(other, { mode: 0o700 })
    symlinkSync(other, rig.spool)
    await says(/not a folder/)
    unlinkSync(rig.spool)
    mkdirSync(rig.spool)
    chmodSync(rig.spool, 0o777)
    await says(/anybody may write/)
    chmodSync(rig.spool, 0o700)
    for (let k = 0; k < 1000; k++) writeFileSync(join(rig.spool, `${k}.event`), '')
    await says(/has 1000 events/)
    assert.equal(readdirSync(rig.spool).length, 1000)
    assert.deepEqual(readdirSync(other), [])
  })

  test('a folder with too many bytes keeps no more', async () => {
    mkdirSync(rig.spool, { mode: 0o700 })
    writeFileSync(join(rig.spool, '1.event'), Buffer.alloc(17 * 1024 * 1024))
    const { code, stderr } = await rig.run(script, ['slurm', 'epilog', 'job=1'])
    assert.equal(code, 0)
    assert.match(stderr, /has 16384 KiB/)
    assert.equal(readdirSync(rig.spool).length, 1)
  })

  test('who may not write to the folder keeps nothing there', async () => {
    mkdirSync(rig.spool, { mode: 0o700 })
    chmodSync(rig.folder, 0o755)
    const nobody = 65534
    const { code, stderr } = await rig.run(script, ['slurm', 'epilog', 'job=1'], {}, nobody)
    assert.equal(code, 0)
    assert.match(stderr, /lost: /)
    assert.deepEqual(readdirSync(rig.spool), [])
  })

  test('without curl an event is kept for the controller to fetch', async () => {
    const bin = join(rig.folder, 'bin')
    mkdirSync(bin)
    for (const tool of ['date', 'find', 'wc', 'du', 'cut', 'mkdir', 'mv', 'rm'])
      symlinkSync(`/usr/bin/${tool}`, join(bin, tool))
    const place = rig.copy(script, (text) => text.replace(/^PATH=.*$/m, `PATH=${bin}`))
    await rig.serve()
    const { code, stderr } = await rig.run(place, ['slurm', 'resume', 'nodes=a'])
    assert.deepEqual([code, stderr], [0, 'causeway resume: kept for later: curl is missing\n'])
    assert.equal(rig.kept.length, 1)
  })

  test('a large file is sent along, and left out where the event is kept', async () => {
    const file = join(rig.folder, 'resume.json')
    writeFileSync(file, JSON.stringify({ jobs: [], text: 'x'.repeat(100_000) }))
    const args = ['slurm', 'resume', 'nodes=a', `resume-file=${file}`]
    await rig.run(script, args)
    assert.deepEqual(Object.keys(rig.kept[0]?.body ?? {}), ['id', 'at', 'nodes'])
    await rig.serve()
    await rig.run(script, ['--deliver'])
    await rig.run(script, args)
    assert.deepEqual(rig.requests[1]?.body['resume'], JSON.parse(readFileSync(file, 'utf8')))
  })
})
