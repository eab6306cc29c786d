import { systemClock } from '../../src/base/clock.ts'
import { CausewayError } from '../../src/base/errors.ts'
import { execChecked } from '../../src/base/exec.ts'
import { CommandDriver } from '../../src/sites/command/command-driver.ts'
import type { Driver } from '../../src/sites/driver.ts'
import { NamespaceDriver } from '../../src/sites/namespace-driver.ts'
import { PacedDriver } from '../../src/sites/paced-driver.ts'
import { FakeDriver, FakeSite } from '../fakes/driver.ts'
import { FakeDriverProgram } from '../fakes/driver-program.ts'
import { CuttableHost } from '../support/cuttable-host.ts'
import { machineSpec } from '../support/machine-spec.ts'
import { machineRemains, ScratchSite } from '../support/scratch-site.ts'
import { type DriverTrial, driverContract } from './driver-contract.ts'

const everything = { darkens: 'each', fills: true, announces: true, refuses: ['RateLimited', 'Unauthorized'] } as const

for (const hosts of [[], ['h1', 'h2', 'h3']]) {
  const count = hosts.length || 1
  driverContract(`FakeDriver, hosts: ${count}`, { hosts: count, ...everything }, async () =>
    fakeTrial(new FakeSite(hosts), (cluster, at) => new FakeDriver({ site: 'east', cluster, clock: systemClock, at })),
  )
}

driverContract('CommandDriver of a fake site', { hosts: 2, ...everything }, async () =>
  fakeTrial(new FakeSite(['h1', 'h2']), (cluster, at) => {
    const host = new FakeDriverProgram(
      (asked) => new FakeDriver({ site: 'east', cluster: asked, clock: systemClock, at }),
    )
    return new CommandDriver({ site: 'east', cluster, host, program: ['driver'], timeoutMs: 1000 })
  }),
)

driverContract('PacedDriver of a fake site', { hosts: 2, ...everything }, async () =>
  fakeTrial(new FakeSite(['h1', 'h2']), (cluster, at) => {
    const inner = new FakeDriver({ site: 'east', cluster, clock: systemClock, at })
    return new PacedDriver(inner, { inFlight: 2, perSecond: 1000, burst: 2 }, systemClock)
  }),
)

/** A trial at a fake site, by whichever driver. */
function fakeTrial(site: FakeSite, make: (cluster: string, at: FakeSite) => Driver): DriverTrial {
  return {
    driver: make('lab', site),
    restarted: () => make('lab', site),
    other: make('other', site),
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
  }
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
