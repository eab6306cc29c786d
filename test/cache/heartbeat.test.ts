import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import type { Clock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { Heartbeat, refreshScript, runNft, untilNext, withdrawScript } from '../../src/cache/heartbeat.ts'
import { startChild } from './child.ts'
import { atEnd } from './cleanup.ts'
import { scratchFolder, until } from './start.ts'

const run = promisify(execFile)
const pulse = { family: 'ip', table: 'causeway_77', set: 'cache_alive', port: 80, hold: 2000 } as const

test('a beat is one transaction that is right whether the element is there or not', () => {
  const add = 'add element ip causeway_77 cache_alive { 80 timeout 2000ms }\n'
  const remove = 'delete element ip causeway_77 cache_alive { 80 }\n'
  assert.equal(refreshScript(pulse), `${add}${remove}${add}`)
  assert.equal(withdrawScript(pulse), `${add}${remove}`)
})

test('beats come at least four times a hold, whatever the clock does during one', () => {
  assert.deepEqual(
    [0, 100, 499, 500, 10_000, 1e12, -1, -1e12].map((tookMs) => untilNext(2000, tookMs)),
    [500, 400, 1, 1, 1, 1, 500, 500],
  )
})

/** A clock that moves when the test says so. */
function handClock(): Clock & { waits: number[]; tick(): void } {
  let tick = () => {}
  const waits: number[] = []
  return {
    waits,
    now: () => 0,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        waits.push(ms)
        tick = resolve
        signal?.addEventListener('abort', () => resolve(), { once: true })
      }),
    tick: () => tick(),
  }
}

test('it beats every quarter of the hold while the cache serves, bears failures, and ends with a withdrawal', async () => {
  const clock = handClock()
  const scripts: string[] = []
  let serves = true
  let nftWorks = true
  const heartbeat = new Heartbeat(pulse, {
    serves: () => Promise.resolve(serves),
    nft: (script) => {
      scripts.push(script)
      return nftWorks ? Promise.resolve() : Promise.reject(new Error('no such table'))
    },
    clock,
    log: silentLog,
  })
  const beats = async (count: number) => {
    await until(`beat ${count}`, () => clock.waits.length === count)
    clock.tick()
  }
  await beats(1)
  assert.equal(scripts.length, 1)
  serves = false
  await beats(2)
  await until('beat 3', () => clock.waits.length === 3)
  assert.ok(scripts.length <= 2, 'no beat while it does not serve')
  const before = scripts.length
  serves = true
  nftWorks = false
  clock.tick()
  await beats(4)
  nftWorks = true
  await until('beat 5', () => clock.waits.length === 5)
  assert.equal(scripts.length, before + 2)
  await heartbeat.stop()
  assert.equal(scripts.at(-1), withdrawScript(pulse))
  assert.ok(clock.waits.every((ms) => ms === 500))
})

test('what nft says is in the error', async () => {
  await assert.rejects(runNft('add element ip causeway_none x { 1 }\n', 5000), {
    code: 'CommandFailed',
    message: /No such file or directory/,
  })
})

/** A network namespace with a gateway's table, gone when the test ends. */
async function gatewayNamespace(t: TestContext): Promise<string> {
  const name = `cwa-beat-${process.pid}-${randomBytes(2).toString('hex')}`
  await run('ip', ['netns', 'add', name])
  atEnd(t, () => run('ip', ['netns', 'del', name]))
  await run('ip', ['-n', name, 'link', 'set', 'lo', 'up'])
  for (const family of ['ip', 'ip6']) {
    await run('ip', ['netns', 'exec', name, 'nft', `add table ${family} causeway_77`])
    await addSet(name, family)
  }
  return name
}

async function addSet(name: string, family = 'ip'): Promise<void> {
  const set = `add set ${family} causeway_77 cache_alive { type inet_service; flags timeout; }`
  await run('ip', ['netns', 'exec', name, 'nft', set])
}

/** The milliseconds that element 80 still has; undefined when it isn't there. */
async function elementMs(name: string, family = 'ip'): Promise<number | undefined> {
  const argv = ['netns', 'exec', name, 'nft', '-j', 'list', 'set', family, 'causeway_77', 'cache_alive']
  const { stdout } = await run('ip', argv)
  return /"expires": \d+/.test(stdout) ? Number(/"expires": (\d+)/.exec(stdout)?.[1]) : undefined
}

async function there(name: string, family?: string): Promise<boolean> {
  return (await elementMs(name, family)) !== undefined
}

function configText(folder: string, hold: string, listen = '0.0.0.0:3128', families = '[ip]'): string {
  return `listen: "${listen}"
store: ${folder}/store
origins: { mirror.lab: { address: 127.0.0.1, port: 8999 } }
heartbeat: { table: causeway_77, set: cache_alive, port: 80, hold: ${hold}, families: ${families} }
`
}

test('the kernel takes the element out when the cache is dead or stuck, and the cache puts it back', async (t) => {
  const folder = await scratchFolder(t)
  const config = join(folder, 'cache.yaml')
  await writeFile(config, configText(folder, '1s'))
  const name = await gatewayNamespace(t)
  const inside = ['ip', 'netns', 'exec', name]

  const child = await startChild(t, config, inside)
  await until('the element is there', () => there(name))
  child.send('SIGSTOP')
  await until('the element is gone while the cache is stuck', async () => !(await there(name)))
  child.send('SIGCONT')
  await until('the element is back', () => there(name))

  await run('ip', ['netns', 'exec', name, 'nft', 'delete set ip causeway_77 cache_alive'])
  await addSet(name)
  await until('the element is back in a set made anew', () => there(name))

  await child.end('SIGKILL')
  await until('the element is gone after the death', async () => !(await there(name)))
})

test('it beats in each family by itself, where it can be reached by it', async (t) => {
  const folder = await scratchFolder(t)
  const config = join(folder, 'cache.yaml')
  const name = await gatewayNamespace(t)
  const inside = ['ip', 'netns', 'exec', name]
  for (const [listen, six] of [
    ['0.0.0.0:3128', false],
    ['[::]:3128', true],
  ] as const) {
    await writeFile(config, configText(folder, '1s', listen, '[ip6, ip]'))
    const child = await startChild(t, config, inside)
    await until('the element for IPv4 is there', () => there(name))
    if (six) await until('the element for IPv6 is there', () => there(name, 'ip6'))
    else assert.equal(await there(name, 'ip6'), false)
    if (six) await run('ip', [...inside.slice(1), 'nft', 'delete set ip6 causeway_77 cache_alive'])
    assert.equal(await there(name), true, 'one that fails does not stop the other')
    await child.end('SIGTERM')
    assert.equal(await there(name), false)
  }
})

test('a cache that stops takes the element out itself', async (t) => {
  const folder = await scratchFolder(t)
  const config = join(folder, 'cache.yaml')
  await writeFile(config, configText(folder, '1h'))
  const name = await gatewayNamespace(t)
  const child = await startChild(t, config, ['ip', 'netns', 'exec', name])
  await until('the element is there', () => there(name))
  assert.equal(await child.end('SIGTERM'), 0)
  assert.equal(await there(name), false)
})

/** An origin and a client of the cache, in one process; whether the client gets its file is of no matter. */
const askForSome = `
  const { createServer, get } = require('node:http')
  createServer((_, res) => res.end(Buffer.alloc(1e5))).listen(8999, '127.0.0.1', () => {
    get('http://127.0.0.1:3128/pool/x_1_all.deb', { headers: { host: 'mirror.lab' } }, (res) => {
      res.resume().on('error', () => {}).on('close', () => process.exit(0))
    })
  })`

test('a cache whose disk fails has its nodes sent past it', async (t) => {
  const folder = await scratchFolder(t)
  const store = join(folder, 'store')
  await mkdir(store)
  await run('mount', ['-t', 'tmpfs', '-o', 'size=20m', 'tmpfs', store])
  atEnd(t, () => run('umount', ['-l', store]))
  const config = join(folder, 'cache.yaml')
  await writeFile(config, `${configText(folder, '1s')}storage: { keepFree: 0MiB }\n`)
  const name = await gatewayNamespace(t)
  const inside = ['ip', 'netns', 'exec', name]
  await startChild(t, config, inside)
  await until('the element is there', () => there(name))
  // There is room for bytes, but for no more files.
  const { files, ffree } = await statfs(store)
  await run('mount', ['-o', `remount,nr_inodes=${files - ffree}`, store])
  await run('ip', ['netns', 'exec', name, process.execPath, '-e', askForSome])
  await until('the element is gone', async () => !(await there(name)))
})
