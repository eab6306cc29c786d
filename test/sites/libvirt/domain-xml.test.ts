import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { parseStringPromise } from 'xml2js'
import type { MachineSpec } from '../../../src/sites/driver.ts'
import { type DomainPlace, domainXml } from '../../../src/sites/libvirt/domain-xml.ts'
import { uuidOf } from '../../../src/sites/libvirt/identity.ts'
import { machineSpec } from '../../support/machine-spec.ts'
import { libvirtConfig } from './config.ts'

const place: DomainPlace = {
  folder: '/var/lib/causeway/machines/a-1',
  arch: 'x86_64',
  accelerator: 'tcg',
  createdAtMs: 1_795_000_000_000,
}
const kernel = { kernel: '/boot/vmlinuz', initrd: '/boot/initrd', cmdline: 'root=/dev/vda "a&b"' }

const cases: Readonly<
  Record<string, { settings?: Record<string, unknown>; over?: Partial<MachineSpec>; at?: Partial<DomainPlace> }>
> = {
  'bios-emulated': {},
  'uefi-kvm': { settings: { firmware: 'uefi' }, at: { accelerator: 'kvm' } },
  'kernel-on-pc': { settings: { firmware: 'kernel', kernel, machine: 'pc' } },
  'pinned-with-huge-pages': {
    settings: {
      types: {
        big: { cpuset: '2-5', memoryNodes: '0', hugePages: '1GiB', lockMemory: true, firmware: 'kernel', kernel },
      },
    },
    over: { type: 'big', cpus: 4, memoryMiB: 4096 },
    at: { accelerator: 'kvm' },
  },
}

describe('the XML of a domain', () => {
  for (const [name, { settings, over, at }] of Object.entries(cases)) {
    const xml = () => domainXml(machineSpec('a-1', over), libvirtConfig(settings), { ...place, ...at })

    it(`is as it was: ${name}`, () => {
      const file = new URL(`golden/${name}.xml`, import.meta.url)
      // Run with UPDATE_GOLDEN=1 to write them anew, and review the difference.
      if (process.env.UPDATE_GOLDEN === '1') writeFileSync(file, xml())
      assert.ok(existsSync(file), `no golden file ${name}`)
      assert.equal(xml(), readFileSync(file, 'utf8'))
    })
  }

  it('carries names with any characters as they are', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: fc.constantFrom('<', '>', '&', '"', "'", 'a', ' ', ']'), minLength: 1 }),
        async (name) => {
          const xml = domainXml(machineSpec('a-1', { name }), libvirtConfig(), place)
          const parsed = (await parseStringPromise(xml)) as {
            domain: { metadata: { 'causeway:machine': { $: Record<string, string> }[] }[] }
          }
          assert.equal(parsed.domain.metadata[0]?.['causeway:machine'][0]?.$.name, name)
        },
      ),
      { numRuns: 50 },
    )
  })

  it('says that a kernel is missing', () => {
    assert.throws(() => domainXml(machineSpec('a-1'), libvirtConfig({ firmware: 'kernel' }), place), {
      code: 'InvalidConfig',
    })
  })
})

describe('the UUID of a machine', () => {
  it('follows from the id, is of version 8, and is another for each id', () => {
    const form = /^ca05e3a7-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
    const seen = new Set<string>()
    for (let k = 0; k < 1000; k += 1) {
      assert.match(uuidOf(`n-${k}`), form)
      seen.add(uuidOf(`n-${k}`))
    }
    assert.equal(seen.size, 1000)
    assert.equal(uuidOf('a-1'), uuidOf('a-1'))
  })
})
