import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseMachines, parseRoom, renderMachineRequest } from '../../src/sites/machine-request.ts'
import { machineSpec } from '../support/machine-spec.ts'

describe('renderMachineRequest', () => {
  it('is a line for each fact, with the seed in base64 and an end', () => {
    const spec = {
      ...machineSpec('a-1'),
      nic: { ...machineSpec('a-1').nic, mac: '02:43:0a:4d:01:01', port: 'cwp1', bridge: 'cw77', mtu: 1450 },
      seed: [{ path: 'd/token', mode: 0o600, content: 'secret\n' }],
    }
    assert.equal(
      renderMachineRequest(spec, { shared: ['/home', '/srv/data'], reserveMiB: 256 }),
      [
        'name node-a-1',
        'cluster lab',
        'image /',
        'mac 02:43:0a:4d:01:01',
        'port cwp1',
        'bridge cw77',
        'mtu 1450',
        'reserve 256',
        'shared /home',
        'shared /srv/data',
        'seed 600 d/token c2VjcmV0Cg==',
        'end',
        '',
      ].join('\n'),
    )
  })

  it('refuses seed paths that leave their folder', () => {
    for (const path of ['', '/etc/passwd', '..', '../x', 'a/../b', 'a/..', './a', 'a//b', 'a b', 'a\nend']) {
      const spec = machineSpec('a-1', { seed: [{ path, mode: 0o600, content: '' }] })
      assert.throws(() => renderMachineRequest(spec, { shared: [], reserveMiB: 0 }), { code: 'InvalidRequest' }, path)
    }
  })
})

describe('parseMachines', () => {
  const line = '{"id":"a-1","name":"node-a-1","cluster":"lab","state":"stopped","createdAtMs":12}'

  it('reads machines, and none', () => {
    assert.deepEqual(parseMachines(''), [])
    assert.deepEqual(parseMachines(`${line}\n`), [
      {
        id: 'a-1',
        name: 'node-a-1',
        cluster: 'lab',
        state: 'stopped',
        createdAtMs: 12,
        host: null,
        address: null,
        leaving: null,
      },
    ])
  })

  it('takes nothing else for a machine', () => {
    const foreign = [
      'bash: warning: setlocale',
      line.slice(0, 40),
      'null',
      '[]',
      '{}',
      line.replace('stopped', 'odd'),
      line.replace('12', '"12"'),
      line.replace('"a-1"', '1'),
    ]
    for (const text of foreign) {
      assert.throws(() => parseMachines(`${line}\n${text}\n`), { code: 'MalformedOutput' }, text)
    }
  })
})

describe('parseRoom', () => {
  it('reads what a host has', () => {
    const room = { cpus: 2, memoryMiB: 24_000, freeMemoryMiB: 20_000, machines: 3 }
    assert.deepEqual(parseRoom('cpus=2 memory=24000 free=20000 machines=3\n'), room)
  })

  it('takes nothing else for it', () => {
    for (const text of ['', 'cpus=2\n', 'cpus=2 memory=24000 free= machines=3\n']) {
      assert.throws(() => parseRoom(text), { code: 'MalformedOutput' }, text)
    }
  })
})
