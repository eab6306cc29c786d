import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { CausewayError } from '../../../src/base/errors.ts'
import type { Host } from '../../../src/base/host.ts'
import { examine } from '../../../src/network/doctor/examine.ts'
import { NetnsHost } from '../netns-host.ts'
import { sample } from '../sample.ts'
import { Segment } from '../segment.ts'

const plain = { ...sample, gateways: sample.gateways.map((gateway) => ({ ...gateway, interception: null })) }
const clock = { now: () => Date.now() }

describe('the doctor at real gateways', () => {
  let segment: Segment
  let close = async () => {}

  before(async () => {
    segment = await Segment.create(plain, (how) => {
      close = how
    })
    await segment.apply(plain)
  })
  after(() => close())

  /** What is not well, as `gateway level about`. */
  async function found(hostFor: (name: string) => Host = (name) => segment.gateway(name)): Promise<string[]> {
    const diagnoses = await examine(plain, ({ name }) => hostFor(name), clock)
    return diagnoses.flatMap(({ gateway, findings }) =>
      findings.filter(({ level }) => level !== 'ok').map(({ level, about }) => `${gateway} ${level} ${about}`),
    )
  }

  test('finds nothing where all is well', async () => {
    assert.deepEqual(await found(), [])
  })

  test('finds a path that is narrower than configured', async () => {
    const wide = { ...plain, underlayMtu: 1600 }
    const diagnoses = await examine(wide, ({ name }) => segment.gateway(name), clock)
    for (const { gateway, findings } of diagnoses) {
      const narrow = findings.filter(({ level, about }) => level === 'bad' && about === 'MTU').map(({ text }) => text)
      const others = wide.gateways.filter(({ name }) => name !== gateway)
      assert.deepEqual(
        narrow,
        others.map(({ name, underlay }) => `packets of 1600 bytes do not get to ${name} (${underlay}), small ones do`),
      )
    }
  })

  test('finds that somebody blocks the tunnel, and not the gateway', async () => {
    const chain = 'chain f { type filter hook forward priority 0; iifname "w-east" udp dport 4789 drop; };'
    await segment.wan.run('nft -f -', `table ip block { ${chain} }`)
    // Pings from east get lost on their way, and to east the answers do.
    assert.deepEqual((await found()).sort(), ['east bad paths', 'east bad paths', 'head bad paths', 'west bad paths'])
    await segment.wan.run('nft delete table ip block')
  })

  test('finds devices gone, settings changed and rules that drop', async () => {
    const west = segment.gateway('west')
    await west.run('ip link del dev cwx77')
    await west.run('sysctl -qw net.ipv4.ip_forward=0')
    await segment.gateway('east').run('ip link set dev cw77 mtu 1400')
    const all = await found()
    for (const one of ['west bad devices', 'west bad settings', 'east warning devices', 'head bad paths'])
      assert.ok(all.includes(one), `${one} in ${all.join(', ')}`)
    await segment.apply(plain)
    assert.deepEqual(await found(), [])
  })

  test('goes on where a gateway is away', async () => {
    const away: Host = {
      name: 'west',
      exec: () => Promise.reject(new CausewayError('HostUnreachable', 'west: no route to host')),
      close: () => Promise.resolve(),
    }
    const diagnoses = await examine(plain, ({ name }) => (name === 'west' ? away : segment.gateway(name)), clock)
    const west = diagnoses.find(({ gateway }) => gateway === 'west')
    assert.deepEqual(
      west?.findings.map(({ level, about, text }) => [level, about, text]),
      [['bad', 'reach', 'west: no route to host']],
    )
    assert.equal(diagnoses.length, 3)
    assert.ok(diagnoses.every(({ findings }) => findings.length > 0))
  })

  test('finds missing programs and wrong clocks', async () => {
    const lame = (name: string): Host => ({
      name,
      async exec(argv, options) {
        const result = await segment.gateway(name).exec(argv, options)
        const stdout = result.stdout.replace(/^program fping .*/m, 'program fping -').replace(/^time .*/m, 'time 1000')
        return { ...result, stdout }
      },
      close: () => Promise.resolve(),
    })
    assert.deepEqual(
      await found(lame),
      ['head', 'east', 'west'].flatMap((name) => [`${name} bad clock`, `${name} bad programs`]),
    )
  })

  test('finds a port that a program has taken', async () => {
    const host = await NetnsHost.create('alone')
    const listen = "require('dgram').createSocket('udp4').bind(4789, () => console.log('bound'))"
    const [program = '', ...argv] = host.argv(process.execPath, '-e', listen)
    const taker = spawn(program, argv, { stdio: ['ignore', 'pipe', 'inherit'] })
    try {
      await once(taker.stdout, 'data')
      const [head] = plain.gateways
      assert.ok(head)
      const [diagnosis] = await examine({ ...plain, gateways: [head], members: [] }, () => host, clock)
      const ports = diagnosis?.findings.find(({ about }) => about === 'ports')
      assert.equal(ports?.level, 'bad')
      assert.match(ports.text, /^UDP 4789 is taken by \S+$/)
    } finally {
      taker.kill('SIGKILL')
      await host.close()
    }
  })
})
