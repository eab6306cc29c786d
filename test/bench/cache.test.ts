import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { assert as check, integer, property } from 'fast-check'
import { coldRows } from '../../bench/cache/cold.ts'
import { contentOf, digest, indexesOf, indexPaths, lengthOf, packagePath, packagesOf } from '../../bench/cache/files.ts'
import { hotRows } from '../../bench/cache/hot.ts'
import { failures, type Loaded } from '../../bench/cache/load.ts'
import { parseOptions, subjects } from '../../bench/cache/options.ts'
import { cpuSeconds, residentMiB, treeOf } from '../../bench/cache/processes.ts'
import { met } from '../../bench/report.ts'
import { must } from '../../lab/process.ts'
import { until } from '../../lab/until.ts'

describe('bench cache makes', () => {
  it('files whose content follows from their name, however much of it is asked for', () => {
    check(
      property(integer({ min: 0, max: 5000 }), integer({ min: 0, max: 5000 }), (a, b) => {
        const path = packagePath('some', 5000)
        assert.deepEqual(contentOf(path, Math.max(a, b)).subarray(0, a), contentOf(path, a))
      }),
    )
    assert.notDeepEqual(contentOf(packagePath('a', 100), 100), contentOf(packagePath('b', 100), 100))
    assert.equal(lengthOf(packagePath('some', 123)), 123)
    assert.equal(lengthOf('/debian/pool/main/123/other'), undefined)
  })

  it('packages that add up, most of them small', () => {
    const packages = packagesOf(120, 80_000_000)
    assert.equal(new Set(packages.map(({ path }) => path)).size, 120)
    assert.equal(
      packages.reduce((sum, { bytes }) => sum + bytes, 0),
      80_000_000,
    )
    assert.ok(packages.every(({ bytes }) => bytes > 0))
    assert.ok(packages.filter(({ bytes }) => bytes < 80_000_000 / 120).length > 60)
  })

  it('indexes that name the digests of what they list', () => {
    const packages = packagesOf(3, 1000)
    const indexes = indexesOf(packages)
    const [release, listed] = indexPaths.map((path) => indexes.get(path) ?? Buffer.alloc(0))
    assert.ok(release?.includes(digest(listed ?? Buffer.alloc(0))))
    const text = gunzipSync(listed ?? '').toString()
    for (const { path, bytes } of packages) {
      assert.ok(text.includes(`Filename: ${path.slice('/debian/'.length)}\nSize: ${bytes}\n`))
      assert.ok(text.includes(`SHA256: ${digest(contentOf(path, bytes))}\n`))
    }
  })
})

describe('the load generator', () => {
  const paths = [packagePath('one', 100_003), packagePath('two', 5)]

  it('counts what came whole, and finds every byte where it has to be', async (t) => {
    const told = await loaded(t, whole, ['-c', '3', '-k'])
    assert.deepEqual([told.requests, told.bytes, failures(told)], [6, 3 * 100_008, 0])
    assert.ok(told.firstMs.least > 0 && told.firstMs.most >= told.firstMs.least)
  })

  it('goes round the paths until its time is over', async (t) => {
    const told = await loaded(t, whole, ['-c', '2', '-t', '2000', '-z'])
    assert.ok(told.requests > 4)
    assert.equal(failures(told), 0)
  })

  it('finds one wrong bit', async (t) => {
    const told = await loaded(t, (req, res) => void res.end(flipped(req.url ?? '')), ['-c', '1', '-k'])
    assert.deepEqual([told.wrong, told.requests], [1, 1])
  })

  it('tells broken bodies, other statuses and silence from one another', async (t) => {
    const broken = await loaded(
      t,
      (req, res) => {
        res.writeHead(200, { 'content-length': 100 })
        res.write('begin', () => req.socket.destroy())
      },
      ['-c', '1'],
    )
    assert.deepEqual([broken.broken, failures(broken)], [2, 2])
    const refused = await loaded(t, (_req, res) => void res.writeHead(503, { 'content-length': 4 }).end('away'), [
      '-c',
      '1',
    ])
    assert.deepEqual([refused.badStatus, refused.lastStatus, failures(refused)], [2, 503, 2])
    const silent = await loaded(t, () => undefined, ['-c', '4', '-d', '100'])
    assert.deepEqual([silent.unfinished, silent.requests], [4, 0])
  })

  it('goes on with a new connection where a server closes after each answer', async (t) => {
    const told = await loaded(
      t,
      (req, res) => {
        res.setHeader('connection', 'close')
        whole(req, res)
      },
      ['-c', '2', '-k'],
    )
    assert.deepEqual([told.requests, failures(told)], [4, 0])
  })

  const whole: RequestListener = (req, res) => void res.end(contentOf(req.url ?? '', lengthOf(req.url ?? '') ?? 0))

  function flipped(path: string): Buffer {
    const body = contentOf(path, lengthOf(path) ?? 0)
    if (body.length > 5) body.writeUInt8(body.readUInt8(77_777) ^ 16, 77_777)
    return body
  }

  async function loaded(t: TestContext, answer: RequestListener, options: readonly string[]): Promise<Loaded> {
    const server = createServer(answer).listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => {
      server.close()
      server.closeAllConnections()
    })
    const program = (await must([`${import.meta.dirname}/../../bench/cache/load/build`])).trim()
    const { port } = server.address() as AddressInfo
    const argv = [program, '-a', '127.0.0.1', '-p', String(port), ...options]
    return JSON.parse(await must(argv, { stdin: `${paths.join('\n')}\n` })) as Loaded
  }
})

describe('bench cache reads', () => {
  it('its options, and refuses what there is not', () => {
    const known = ['nginx', 'squid']
    assert.deepEqual([...parseOptions([], known).only], [...subjects])
    const some = parseOptions(['hot', 'cold', '--peers', 'squid', '--rounds', '2'], known)
    assert.deepEqual([[...some.only], some.peers, some.rounds], [['hot', 'cold'], ['squid'], 2])
    assert.throws(() => parseOptions(['warm'], known), /no subject is called warm/)
    assert.throws(() => parseOptions(['--peers', 'polipo'], known), /no peer is called polipo/)
    assert.throws(() => parseOptions(['--rounds', '0'], known), /--rounds 0/)
  })

  it('what a process and its children have worked and hold', async (t) => {
    const burn = 'while (process.cpuUsage().user < 3e5);'
    const script = `${burn} require("child_process").spawn(process.execPath, ["-e", ${JSON.stringify(`${burn} setInterval(() => {}, 1000)`)}])`
    const child = spawn(process.execPath, ['-e', script])
    const pid = child.pid ?? 0
    t.after(() => treeOf(pid).forEach((each) => process.kill(each, 'SIGKILL')))
    await until('both have worked', 120_000, () => treeOf(pid).length === 2 && cpuSeconds(pid) > 0.5)
    assert.ok(residentMiB(pid) > 30)
    assert.ok(cpuSeconds(process.pid) >= cpuSeconds(pid), 'a tree has what its branches have')
    assert.deepEqual(treeOf(2 ** 31), [2 ** 31])
  })
})

describe('bench cache reckons', () => {
  const sample = (rate: number) => ({ rate, perGigabyte: 1, failures: 0 })

  it('ratios within rounds, so that a slow moment of the machine counts for neither', () => {
    const samples = new Map([
      ['causeway', [sample(100), sample(10), sample(90)]],
      ['nginx', [sample(50), sample(5), sample(60)]],
    ])
    const [row] = hotRows(new Map([['hot, 20 kB, 1 connection', samples]]), 'causeway')
    assert.equal(row?.ratio, 2)
    assert.equal(row && met(row), true)
  })

  it('a set that was fetched twice as no success', () => {
    const spread = { least: 1, median: 1, p99: 1, most: 1 }
    const counts = { broken: 0, refused: 0, wrong: 0, badStatus: 0, lastStatus: 200, unfinished: 0 }
    const one: Loaded = { seconds: 1, requests: 1, bytes: 1, ...counts, firstMs: spread, doneMs: spread }
    const all = new Map([['causeway', { loaded: one, originBytes: 1.02, originRequests: 1, cpuSeconds: 1 }]])
    assert.deepEqual(coldRows(all, 'causeway').map(met), [false, true, true])
  })
})
