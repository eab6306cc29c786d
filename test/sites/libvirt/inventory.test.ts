import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseInventory } from '../../../src/sites/libvirt/inventory.ts'
import { inventoryText } from './inventory-sample.ts'

const malformed = { code: 'MalformedOutput' }

describe('the inventory of a host', () => {
  it('has the facts of the host', () => {
    const { nowMs, cpus, memoryMiB, availableMiB, diskMiB, files, hugePages, withoutKvm, domains } = parseInventory(
      inventoryText([], ['kvm works', 'file /images/a.qcow2', 'file /images/b.qcow2']),
    )
    assert.deepEqual([nowMs, cpus, memoryMiB, availableMiB, diskMiB], [1_795_000_000_000, 4, 16_000, 12_000, 90_000])
    assert.deepEqual([...files], ['/images/a.qcow2', '/images/b.qcow2'])
    assert.deepEqual([...hugePages], [[2048, 12]])
    assert.equal(withoutKvm, null)
    assert.deepEqual(domains, [])
    assert.equal(parseInventory(inventoryText([], ['kvm there is no /dev/kvm'])).withoutKvm, 'there is no /dev/kvm')
  })

  for (const [state, reason, running, active] of [
    [1, 1, true, true],
    [2, 1, true, true],
    [4, 1, true, true], // shutting down
    [3, 11, true, true], // starting up
    [3, 5, false, true], // paused, since its disk could not be written
    [5, 1, false, false],
    [6, 1, false, false],
    [7, 1, false, true],
  ] as const) {
    it(`takes state ${state}, reason ${reason} for ${running ? 'running' : 'stopped'}`, () => {
      const [domain] = parseInventory(inventoryText([{ id: 'a-1', state, reason, createdAtMs: 77 }])).domains
      assert.deepEqual(domain, {
        stamp: { id: 'a-1', name: 'node-a-1', cluster: 'lab', createdAtMs: 77 },
        running,
        active,
        cpus: 1,
        memoryMiB: 64,
        residentMiB: 40,
        hugePages: false,
      })
    })
  }

  it('knows foreign domains by what they take, whatever they are called', () => {
    const foreign = "Domain: 'it's == end\n'\n  state.state=1\n  vcpu.current=3\n  balloon.maximum=1048576\n\n"
    const text = inventoryText().replace('== end', `${foreign}== end`)
    const { domains } = parseInventory(text.replace("it's == end\n", "it's == end"))
    assert.equal(domains.length, 1)
    assert.deepEqual([domains[0]?.stamp, domains[0]?.cpus, domains[0]?.memoryMiB], [null, 3, 1024])
  })

  it('shows folders without a domain as stopped machines, and those with one only once', () => {
    const facts = ['kvm not tried', 'folder a-1 node-a-1 lab 5', 'folder b-1 node-b-1 lab 6']
    const { domains } = parseInventory(inventoryText([{ id: 'a-1', state: 1 }], facts))
    assert.deepEqual(
      domains.map(({ stamp, running, active }) => [stamp?.id, running, active]),
      [
        ['a-1', true, true],
        ['b-1', false, false],
      ],
    )
  })

  it('knows a domain that has lost its metadata by its folder', () => {
    const text = inventoryText([{ id: 'a-1', state: 1 }], ['kvm not tried', 'folder a-1 node-a-1 lab 5'])
    const { domains } = parseInventory(text.replace(/<machine.*>/, ''))
    assert.deepEqual(
      domains.map(({ stamp, running }) => [stamp, running]),
      [[{ id: 'a-1', name: 'node-a-1', cluster: 'lab', createdAtMs: 5 }, true]],
    )
  })

  for (const [what, text] of [
    ['a text that was cut short', inventoryText([{ id: 'a-1', state: 1 }]).slice(0, -10)],
    ['nothing', ''],
    ['a number that is none', inventoryText().replace('cpus 4', 'cpus four')],
    ['a host that does not tell its memory', inventoryText().replace('memory 16000\n', '')],
    ['metadata that is no XML', inventoryText([{ id: 'a-1', state: 1 }]).replace('<machine', '<mach<ine')],
    ['metadata without an id', inventoryText([{ id: 'a-1', state: 1 }]).replace(' id="a-1"', '')],
    ['a domain without a state', inventoryText([{ id: 'a-1', state: 1 }]).replace('state.state', 'state.gone')],
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.throws(() => parseInventory(text), malformed)
    })
  }
})
