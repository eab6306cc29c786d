import { after, before } from 'node:test'
import { cleanUp } from '../../lab/clean-up.ts'
import { LabHost } from '../../lab/host.ts'
import { Lab } from '../../lab/lab.ts'
import { hostContract } from '../contract/host-contract.ts'

const name = 'labhost'
let lab: Lab

before(async () => {
  lab = await Lab.up({ name, caches: false, scheduler: 'none' })
})
after(() => cleanUp(name))

hostContract('LabHost', async () => {
  const host = new LabHost({ name: 'west', netns: lab.hosts.west.netns, folder: '' })
  host.adopt(lab.hosts.west.pid)
  return host
})
