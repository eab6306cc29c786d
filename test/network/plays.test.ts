import { describe, it } from 'node:test'
import { FakeKernel } from './fake-kernel.ts'
import { NetnsHost } from './netns-host.ts'
import { plays } from './plays.ts'
import { assertGolden, Transcript } from './transcript.ts'

const kernels = {
  'the fake kernel': async () => new FakeKernel('east'),
  'a real kernel': () => NetnsHost.create('east'),
}

for (const [kernel, create] of Object.entries(kernels)) {
  describe(`a gateway on ${kernel}`, () => {
    for (const [name, play] of Object.entries(plays)) {
      it(name, async (t) => {
        const host = await create()
        t.after(() => host.close())
        const transcript = new Transcript(host, name === 'from nothing')
        await play(transcript)
        assertGolden(name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-'), await transcript.finish())
      })
    }
  })
}
