import { after, before } from 'node:test'
import { LocalHost } from '../../src/sites/local-host.ts'
import { SshHost } from '../../src/sites/ssh-host.ts'
import { startSshd, type TestSshd } from '../support/sshd.ts'
import { hostContract } from './host-contract.ts'

let sshd: TestSshd
before(async () => {
  sshd = await startSshd()
})
after(() => sshd.stop())

hostContract('LocalHost', () => Promise.resolve(new LocalHost()))
hostContract('SshHost', () => Promise.resolve(new SshHost(sshd.target)))
