import { chmodSync, mkdirSync } from 'node:fs'
import { nameServiceFiles } from '../../lab/accounts.ts'
import { cleanUp, diskName, labFolder } from '../../lab/clean-up.ts'
import { type Bind, LabHost } from '../../lab/host.ts'
import { must } from '../../lab/process.ts'
import { type LabSge, startSge } from '../../lab/sge.ts'

const addresses: Readonly<Record<string, string>> = {
  head: '10.231.7.1',
  'east-1': '10.231.7.11',
  'east-2': '10.231.7.12',
  'west-1': '10.231.7.21',
}
const nodeNames = ['east-1', 'east-2', 'west-1']

/** A real sge_qmaster on a lab host and real sge_execds on light hosts beside it. What a crashed run has left is removed first. */
export class SgeRig {
  readonly head: LabHost
  readonly #lab: string
  readonly nodes: ReadonlyMap<string, LabHost>
  #sge: LabSge | undefined

  /** @param name of the lab whose namespaces and files it has; runs with different names can go on side by side */
  static async open(name: string): Promise<SgeRig> {
    await cleanUp(name)
    const rig = new SgeRig(name)
    try {
      await rig.#build()
    } catch (error) {
      await rig.close()
      throw error
    }
    return rig
  }

  private constructor(lab: string) {
    this.#lab = lab
    const folder = labFolder(lab)
    const home: Bind = { source: `${folder}/disk/home`, target: '/home', writable: true }
    const hosts = Object.fromEntries(Object.entries(addresses).map(([host, address]) => [address, host]))
    const make = (host: string) =>
      new LabHost({
        name: host,
        netns: `cw-${lab}-${host}`,
        folder: `${folder}/disk/${host}`,
        binds: [home],
        files: nameServiceFiles(hosts),
      })
    this.head = make('head')
    this.nodes = new Map(nodeNames.map((host) => [host, make(host)]))
  }

  get sge(): LabSge {
    if (!this.#sge) throw new Error('sge_qmaster was not started')
    return this.#sge
  }

  async #build(): Promise<void> {
    const folder = labFolder(this.#lab)
    mkdirSync(`${folder}/disk`, { recursive: true })
    await must(['mount', '-t', 'tmpfs', '-o', 'mode=0755', diskName(this.#lab), `${folder}/disk`])
    mkdirSync(`${folder}/disk/home`, { mode: 0o1777 })
    chmodSync(`${folder}/disk/home`, 0o1777)
    await this.#wire()
    await this.head.powerOn()
    this.#sge = await startSge(this.head)
  }

  /** One switch, a line from it to every host. */
  async #wire(): Promise<void> {
    const netns = (host: string) => `cw-${this.#lab}-${host}`
    for (const host of ['switch', ...Object.keys(addresses)]) {
      await must(['ip', 'netns', 'add', netns(host)])
      await must(['ip', '-n', netns(host), 'link', 'set', 'lo', 'up'])
    }
    const onSwitch = ['link add br0 type bridge forward_delay 0 stp_state 0', 'link set br0 up']
    for (const host of Object.keys(addresses)) {
      onSwitch.push(`link add ${host} type veth peer name eth0 netns ${netns(host)}`, `link set ${host} master br0 up`)
    }
    await must(['ip', '-n', netns('switch'), '-batch', '-'], { stdin: `${onSwitch.join('\n')}\n` })
    for (const [host, address] of Object.entries(addresses)) {
      const lines = `addr add ${address}/24 dev eth0\nlink set eth0 up\n`
      await must(['ip', '-n', netns(host), '-batch', '-'], { stdin: lines })
    }
  }

  async close(): Promise<void> {
    await cleanUp(this.#lab)
  }
}
