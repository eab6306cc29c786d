import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { loadBoot, renderEnv, renderSeed, type SeedFacts } from '../../src/sites/seed.ts'
import { noSnippets } from '../../src/sites/snippets.ts'

const facts: SeedFacts = {
  node: {
    id: '7c1e',
    name: 'east-1',
    address: '10.77.1.1',
    mac: '02:43:0a:4d:01:01',
    site: 'east',
    type: 'small',
    size: { cpus: 2, memoryMiB: 1500, gpus: 0 },
    features: ['site-east', 'type-small'],
  },
  cluster: 'lab',
  prefixLength: 16,
  router: '10.77.1.254',
  ipv6: null,
  mtu: 1450,
  resolver: null,
  head: { name: 'head', address: '10.77.0.1' },
  controllerUrl: 'http://10.77.0.1:8470',
  token: 'one-time',
  hosts: [
    { name: 'mirror.lab', address: '10.250.9.2' },
    { name: 'head', address: '10.9.9.9' },
  ],
  boot: '#!/bin/sh\n',
  role: {
    program: '#!/bin/sh\n:\n',
    env: { SCHEDULER_PORT: '6817' },
    files: [{ path: 'munge.key.base64', mode: 0o600, content: 'AP8KDQ==\n' }],
  },
  snippets: noSnippets,
  join: null,
}

describe('renderSeed', () => {
  it('writes down everything that boot and role need', () => {
    const files = Object.fromEntries(renderSeed(facts).map(({ path, content }) => [path, content]))
    assert.deepEqual(files, {
      env: [
        "NODE_ID='7c1e'",
        "NODE_NAME='east-1'",
        "NODE_SITE='east'",
        "NODE_TYPE='small'",
        "NODE_CPUS='2'",
        "NODE_MEMORY_MIB='1500'",
        "NODE_GPUS='0'",
        "NODE_FEATURES='site-east,type-small'",
        "CLUSTER='lab'",
        "MAC='02:43:0a:4d:01:01'",
        "ADDRESS='10.77.1.1/16'",
        "ROUTER='10.77.1.254'",
        "MTU='1450'",
        "CONTROLLER_URL='http://10.77.0.1:8470'",
        "HEAD_NAME='head'",
        "HEAD_ADDRESS='10.77.0.1'",
        "SCHEDULER_PORT='6817'",
        '',
      ].join('\n'),
      hosts: '127.0.0.1 localhost\n::1 localhost\n10.77.0.1 head\n10.77.1.1 east-1\n10.250.9.2 mirror.lab\n',
      token: 'one-time\n',
      'munge.key.base64': 'AP8KDQ==\n',
      boot: '#!/bin/sh\n',
      role: '#!/bin/sh\n:\n',
    })
  })

  it('has the program and the facts of a machine that joins the segment by itself', () => {
    const join = { gateway: '10.0.0.5', port: 4788, vni: 77, program: '#!/bin/sh\n' }
    const files = renderSeed({ ...facts, join })
    assert.deepEqual(
      files.find(({ path }) => path === 'join'),
      { path: 'join', mode: 0o755, content: '#!/bin/sh\n' },
    )
    const env = files[0]?.content ?? ''
    assert.match(env, /^JOIN_GATEWAY='10\.0\.0\.5'\nJOIN_PORT='4788'\nVNI='77'$/m)
  })

  it("has the admin's snippets for root alone", () => {
    const files = renderSeed({ ...facts, snippets: { before: '#!/bin/sh\n:\n', after: null } })
    assert.deepEqual(files.at(-1), { path: 'before', mode: 0o700, content: '#!/bin/sh\n:\n' })
    assert.ok(!files.some(({ path }) => path === 'after'))
  })

  it('adds IPv6 and the name server where the cluster has them', () => {
    const ipv6 = { address: 'fd77::a4d:101', prefixLength: 64, router: 'fd77::a4d:1fe' }
    const resolver = { server: '10.77.1.254', zone: 'lab.internal' }
    const envOf = (more: Partial<SeedFacts>) => renderSeed({ ...facts, ...more })[0]?.content.split('\n') ?? []
    const plain = new Set(envOf({}))
    const added = envOf({ ipv6, resolver }).filter((line) => !plain.has(line))
    assert.deepEqual(added, [
      "ADDRESS6='fd77::a4d:101/64'",
      "ROUTER6='fd77::a4d:1fe'",
      "NAME_SERVER='10.77.1.254'",
      "ZONE='lab.internal'",
    ])
  })

  it('keeps secrets to root, and only secrets', () => {
    const modes = Object.fromEntries(renderSeed(facts).map(({ path, mode }) => [path, mode.toString(8)]))
    assert.deepEqual(modes, {
      env: '644',
      hosts: '644',
      token: '600',
      'munge.key.base64': '600',
      boot: '755',
      role: '755',
    })
    const open = renderSeed(facts).filter(({ mode }) => (mode & 0o044) !== 0)
    assert.ok(open.every(({ content }) => !content.includes('one-time') && !content.includes('AP8KDQ')))
  })

  it('refuses names and addresses that would not stay in their line', () => {
    for (const host of [
      { name: 'a b', address: '10.0.0.1' },
      { name: 'a\n10.0.0.9 head', address: '10.0.0.1' },
      { name: '', address: '10.0.0.1' },
      { name: 'a', address: '10.0.0.1 # x' },
    ]) {
      assert.throws(() => renderSeed({ ...facts, hosts: [host] }), { code: 'InvalidRequest' })
    }
  })
})

describe('renderEnv', () => {
  it('gives assignments that a POSIX shell reads back as they were', () => {
    const nasty = fc.constantFrom("'", '"', '\\', '\n', '$', '`', '!', '~', ' ', 'x', ';', '#')
    const value = fc.oneof(fc.string({ unit: nasty }), fc.string({ unit: 'binary' })).filter((text) => !/\0/.test(text))
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 30 }), (values) => {
        const named = Object.fromEntries(values.map((each, index) => [`V${index}`, each]))
        const print = values.map((_, index) => `"$V${index}"`).join(' ')
        const script = `${renderEnv(named)}printf '%s\\0' ${print}\n`
        const seen = execFileSync('sh', { input: script, encoding: 'utf8' })
        assert.deepEqual(seen.split('\0').slice(0, -1), values)
      }),
      { numRuns: 30 },
    )
    assert.throws(() => renderEnv({ A: 'x\0' }), { code: 'InvalidRequest' })
  })
})

describe('loadBoot', () => {
  it('finds a script that its interpreter can read', async () => {
    const boot = await loadBoot()
    assert.ok(boot.startsWith('#!/bin/bash\n'))
    execFileSync('bash', ['-n'], { input: boot })
  })
})
