import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { parse } from 'yaml'
import { must } from '../../lab/demo/must.ts'
import { Lab } from '../../lab/lab.ts'
import { underlayAddress } from '../../lab/network.ts'
import { until } from '../../lab/until.ts'
import { shrunk } from './cluster.ts'
import { isSetUp, statesOf } from './sge-cluster.ts'

const guide = readFileSync(new URL('../../docs/grid-engine.md', import.meta.url), 'utf8')

/** The blocks of a section of the guide, without what they are indented by. */
function blocks(section: string): string[] {
  const start = guide.indexOf(`\n## ${section}\n`)
  assert.ok(start >= 0, `the guide has a section "${section}"`)
  const text = guide.slice(start, guide.indexOf('\n## ', start + 1))
  return [...text.matchAll(/^( *)```\w*\n(.*?)^ *```$/gms)].map(([, indent = '', lines = '']) =>
    lines.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  )
}

describe('docs/grid-engine.md, on the cell that comes with Debian', () => {
  let lab: Lab
  before(async () => {
    lab = await Lab.up({ name: 'sgeguide', scheduler: 'none' })
  })
  after(() => lab.down())

  test('its commands lead from installed packages to the first jobs', async () => {
    const settings = parse(blocks('causeway.yaml').join('')) as {
      scheduler: object
      controller: { socketGroup: string }
    }
    lab.configure((config) => {
      Object.assign(config, { scheduler: settings.scheduler })
      config.controller.socketGroup = settings.controller.socketGroup
      for (const site of Object.values(config.sites)) site.nodes.idle = '2s'
    })
    const commands = blocks('sge_qmaster').filter((block) => !block.startsWith('apt '))
    assert.ok(commands.length > 2)
    for (const block of commands) await asRoot(block.replaceAll('192.0.2.10', underlayAddress('head')))
    await lab.startController()
    await isSetUp(lab)

    const [session = ''] = blocks('The first jobs')
    const script = /^\$ cat hello\.sh\n(.*?)^\$ /ms.exec(session)?.[1] ?? ''
    lab.head.write('/home/alice/hello.sh', { content: script })
    const submissions = [...session.matchAll(/^\$ (qsub .*)$/gm)].map(([, command = '']) => command.split(' '))
    assert.equal(submissions.length, 5)
    for (const argv of submissions) await must(lab.asAlice(argv))
    await until('the jobs have ended', 180_000, async () => {
      const states = await Promise.all(['1', '2', '3', '4', '5'].map((job) => statesOf(lab, job)))
      return states.flat().length === 0
    })
    const outputs = ['1', '2.1', '2.6', '3', '4', '5'].map((job) => lab.head.read(`/home/alice/hello.sh.o${job}`))
    for (const output of outputs) assert.match(output, /^hello from (east|west)-\d$/m)
    assert.match(outputs[4] ?? '', /west/)
    await shrunk(lab)
  })

  /** Runs a block as the guide's reader does. */
  async function asRoot(block: string): Promise<void> {
    const env = {
      CAUSEWAY_NODE: `/opt/node/${process.execPath.split('/').at(-1)}`,
      CAUSEWAY_CONFIG: '/etc/causeway/causeway.yaml',
    }
    const path = '/opt/causeway/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
    await must(lab.head.exec(['bash', '-eu', '-c', block], { env: { ...env, PATH: path } }))
  }
})
