import { execChecked } from '../../src/base/exec.ts'
import { NamespaceDriver } from '../../src/sites/namespace-driver.ts'
import { FakeDriver, FakeSite } from '../fakes/driver.ts'
import { machineSpec } from '../support/machine-spec.ts'
import { machineRemains, ScratchSite } from '../support/scratch-site.ts'
import { driverContract } from './driver-contract.ts'

driverContract('FakeDriver', () => {
  const site = new FakeSite()
  const make = (cluster: string) =>
    new FakeDriver({ site: 'east', cluster, clock: { now: () => Date.now() }, at: site })
  return Promise.resolve({
    driver: make('lab'),
    restarted: () => make('lab'),
    other: make('other'),
    spec: (id, cluster = 'lab') => machineSpec(id, { cluster, image: '/images/base' }),
    cutPower: (id) => Promise.resolve(site.cutPower(id)),
    remains: () => Promise.resolve([...site.machines.keys()]),
    close: () => Promise.resolve(),
  })
})

driverContract('NamespaceDriver', async () => {
  const host = await ScratchSite.create()
  const make = (cluster: string) =>
    new NamespaceDriver({ site: 'east', cluster, host, root: '/mnt/machines', bin: '/mnt/bin', reserveMiB: 1 })
  return {
    driver: make('lab'),
    restarted: () => make('lab'),
    other: make('other'),
    // This machine's own root serves as the image: a whole Debian, and nothing to make first.
    spec: (id, cluster = 'lab') => machineSpec(id, { cluster }),
    cutPower: async (id) => {
      const [holder = ''] = (await host.run(`cat /mnt/machines/${id}/holder`)).split(' ')
      await host.run(`kill -9 ${holder}`)
      await execChecked(host, ['timeout', '120', 'tail', `--pid=${holder}`, '-s', '0.01', '-f', '/dev/null'])
    },
    remains: () => machineRemains(host),
    close: () => host.close(),
  }
})
