import { describe, it } from 'node:test'
import { FakeKernel } from './fake-kernel.ts'
import { NetnsHost } from './netns-host.ts'
import { assertGolden } from './transcript.ts'
import { TunnelPlay, tunnelPlays } from './tunnel-plays.ts'

const kernels = {
  'the fake kernel': async () => new FakeKernel('east'),
  'a real kernel': () => NetnsHost.create('east'),
}

for (const [kernel, create] of Object.entries(kernels)) {
  describe(`tunnels on ${kernel}`, () => {
    for (const [name, play] of Object.entries(tunnelPlays)) {
      it(name, async (t) => {
        const host = await create()
        t.after(() => host.close())
        const tunnels = new TunnelPlay(host)
        await play(tunnels)
        assertGolden(`tunnels/${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}`, await tunnels.finish())
      })
    }
  })
}
