import { CausewayError } from '../../src/base/errors.ts'
import { execChecked } from '../../src/base/exec.ts'
import { NamespaceDriver } from '../../src/sites/namespace-driver.ts'
import { FakeDriver, FakeSite } from '../fakes/driver.ts'
import { CuttableHost } from '../support/cuttable-host.ts'
import { machineSpec } from '../support/machine-spec.ts'
import { machineRemains, ScratchSite } from '../support/scratch-site.ts'
import { driverContract } from './driver-contract.ts'

const everything = { darkens: 'each', fills: true, announces: true, refuses: ['RateLimited', 'Unauthorized'] } as const

for (const hosts of [[], ['h1', 'h2', 'h3']]) {
  driverContract(`FakeDriver, ${hosts.length || 1} hosts`, { hosts: hosts.length || 1, ...everything }, () => {
    const site = new FakeSite(hosts)
    const make = (cluster: string) =>
      new FakeDriver({ site: 'east', cluster, clock: { now: () => Date.now() }, at: site })
    return Promise.resolve({
      driver: make('lab'),
      restarted: () => make('lab'),
      other: make('other'),
      spec: (id, cluster = 'lab') => machineSpec(id, { cluster, image: '/images/base' }),
      cutPower: async (id) => site.cutPower(id),
      print: async (id, text) => site.print(id, text),
      remains: async () => [...site.machines.keys()],
      darken: async (dark) => {
        site.dark.clear()
        for (const host of dark) site.dark.add(host)
      },
      fill: async (full) => void (site.quota = full ? site.machines.size : Infinity),
      announce: async (id, leaving) => site.announce(id, leaving),
      refuse: async (how) => void (site.refusal = how && new CausewayError(how, 'no', { facts: { retryAfterMs: 10 } })),
      close: () => Promise.resolve(),
    })
  })
}

const namespaces = { hosts: 1, darkens: 'whole', fills: false, announces: false, refuses: [] } as const

driverContract('NamespaceDriver', namespaces, async () => {
  const scratch = await ScratchSite.create()
  const host = new CuttableHost(scratch)
  const make = (cluster: string) =>
    new NamespaceDriver({ site: 'east', cluster, host, root: '/mnt/machines', bin: '/mnt/bin', reserveMiB: 1 })
  return {
    driver: make('lab'),
    restarted: () => make('lab'),
    other: make('other'),
    // This machine's own root serves as the image: a whole Debian, and nothing to make first.
    spec: (id, cluster = 'lab') => machineSpec(id, { cluster }),
    cutPower: async (id) => {
      const [holder = ''] = (await scratch.run(`cat /mnt/machines/${id}/holder`)).split(' ')
      await scratch.run(`kill -9 ${holder}`)
      await execChecked(scratch, ['timeout', '120', 'tail', `--pid=${holder}`, '-s', '0.01', '-f', '/dev/null'])
    },
    print: async (id, text) => {
      await execChecked(scratch, ['tee', '-a', `/mnt/machines/${id}/console.log`], { stdin: text })
    },
    remains: () => machineRemains(scratch),
    darken: async ({ length }) => host.cut(length > 0),
    close: () => scratch.close(),
  }
})
