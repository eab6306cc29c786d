import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { execChecked } from '../../../src/base/exec.ts'
import type { Host } from '../../../src/base/host.ts'
import type { Overlay } from '../../../src/network/overlay.ts'
import { serviceFiles } from '../../../src/network/services/service-files.ts'
import { servicesPart } from '../../../src/network/services/services-part.ts'
import { FakeKernel } from '../fake-kernel.ts'
import { NetnsHost } from '../netns-host.ts'
import { member, sample, withMembers } from '../sample.ts'

const services = { zone: 'lab.internal', forwarders: [], hosts: { nfs: '10.250.9.7' } }
const overlay: Overlay = { ...sample, services }
const grown = withMembers(overlay, (members) => [...members, member('west-2', '10.77.2.2', 'west', 'cwp00000072')])
const folder = '/var/lib/causeway/services/77'

/** A gateway, and what happens to it from outside. */
interface Stage {
  readonly host: Host
  /** dnsmasq ends, as in a crash. */
  readonly crash: () => Promise<void>
  /** Someone writes into a file. */
  readonly tamper: (path: string) => Promise<void>
}

async function fakeStage(): Promise<Stage> {
  const host = new FakeKernel('east')
  const instance = () => host.services.instances.get('77') ?? assert.fail('no services')
  return {
    host,
    crash: async () => host.services.kill(77),
    tamper: async (path) => {
      instance().files.set(path, 'tampered\n')
    },
  }
}

async function realStage(t: TestContext): Promise<Stage & { host: NetnsHost }> {
  const host = await NetnsHost.create('east')
  t.after(() => host.close())
  return {
    host,
    crash: async () => {
      await host.run(`kill -9 ${await pidOf(host)}`)
    },
    tamper: async (path) => {
      await host.run(`tee ${folder}/${path}`, 'tampered\n')
    },
  }
}

const pidOf = async (host: Host) => (await execChecked(host, ['cat', `${folder}/pid`])).trim()

const addBridge = async (host: Host) => {
  await execChecked(host, ['ip', 'link', 'add', 'name', 'cw77', 'type', 'bridge'])
  await execChecked(host, ['ip', 'address', 'add', '10.77.1.254/16', 'dev', 'cw77'])
  await execChecked(host, ['ip', 'link', 'set', 'dev', 'cw77', 'up'])
}

/** Looks, does what is to be done, and returns it in words; afterwards nothing may be left to do. */
async function applied(host: Host, wanted: Overlay, gateway = 'east'): Promise<readonly string[]> {
  const task = await servicesPart.look(host, wanted, gateway)
  if (task.commands.length > 0) assert.deepEqual(await task.run(), [])
  assert.deepEqual((await servicesPart.look(host, wanted, gateway)).commands, [])
  return task.commands.map((command) => command.replace('services: ', ''))
}

const all = ['conf', 'dhcp-hosts', 'names/configured', 'names/at-head', 'names/at-east', 'names/at-west']
const fromNothing = [...all.map((path) => `write ${path}`), 'start dnsmasq']

const stages = { 'a fake host': fakeStage, 'a real one': realStage }
for (const [kind, create] of Object.entries(stages)) {
  describe(`the services on ${kind}`, () => {
    it('come from nothing, change with the members, and go', async (t) => {
      const { host } = await create(t)
      await addBridge(host)
      assert.deepEqual(await applied(host, overlay), fromNothing)
      assert.deepEqual(await applied(host, grown), ['write names/at-west'])
      const smaller = {
        ...overlay,
        gateways: overlay.gateways.filter(({ name }) => name !== 'west'),
        members: overlay.members.filter(({ gateway }) => gateway !== 'west'),
      }
      assert.deepEqual(await applied(host, smaller), ['delete names/at-west'])
      assert.deepEqual(await applied(host, { ...overlay, services: null }), ['remove'])
      assert.deepEqual(await applied(host, overlay), fromNothing)
      const removal = await servicesPart.lookToRemove(host, 77)
      assert.deepEqual([removal.commands, await removal.run()], [['services: remove'], []])
      assert.deepEqual((await servicesPart.lookToRemove(host, 77)).commands, [])
    })

    it('come back after a crash, with the bridge, and after someone wrote into their files', async (t) => {
      const { host, crash, tamper } = await create(t)
      await addBridge(host)
      await applied(host, overlay)
      await crash()
      assert.deepEqual(await applied(host, overlay), ['start dnsmasq'])
      await execChecked(host, ['ip', 'link', 'del', 'dev', 'cw77'])
      await addBridge(host)
      assert.deepEqual(await applied(host, overlay), ['start dnsmasq'])
      for (const path of ['conf', 'dhcp-hosts', 'names/at-west']) {
        await tamper(path)
        assert.deepEqual(await applied(host, overlay), [`write ${path}`])
      }
      await tamper('names/foreign')
      assert.deepEqual(await applied(host, overlay), ['delete names/foreign'])
    })

    it('tell why they can not be brought about', async (t) => {
      const { host } = await create(t)
      const task = await servicesPart.look(host, overlay, 'east')
      const [failure, ...more] = await task.run()
      assert.match(failure?.reason ?? '', /there is no bridge cw77/)
      assert.deepEqual(more, [])
      await addBridge(host)
      assert.deepEqual(await applied(host, overlay), fromNothing)
    })
  })
}

describe('causeway-services on a real host', () => {
  const started = async (t: TestContext) => {
    const stage = await realStage(t)
    await addBridge(stage.host)
    await applied(stage.host, overlay)
    return stage.host
  }
  const script = async (host: NetnsHost, command: string, stdin = '') => {
    const [path = ''] = (await host.run('ls /var/lib/causeway/bin')).split('\n')
    return host.exec([`/var/lib/causeway/bin/${path}`, '/var/lib/causeway/services', command, '77'], { stdin })
  }
  const digests = (host: NetnsHost) =>
    execChecked(host, ['sh', '-c', `cd ${folder}; sha256sum conf dhcp-hosts names/*`])
  const ask = async (host: NetnsHost, ...question: string[]) =>
    (await execChecked(host, ['dig', '+short', '+tries=1', '@10.77.1.254', ...question])).trim()

  it('lives on by itself, away from the session that it was started in', async (t) => {
    const host = await started(t)
    const pid = await pidOf(host)
    const [, after = ''] = (await host.run(`cat /proc/${pid}/stat`)).split(') ')
    const [, parent, , session, terminal] = after.split(' ')
    const own = (await execChecked(host, ['sh', '-c', 'ps -o sid= -p $$'])).trim()
    assert.ok(parent === '1' || parent !== String(process.pid), `child of ${parent}`)
    assert.notEqual(session, own)
    assert.equal(terminal, '0')
    const open = async (pattern: string) =>
      (await execChecked(host, ['sh', '-c', `readlink /proc/${pid}/fd/${pattern}`])).trim().split('\n')
    assert.deepEqual(await open('[012]'), ['/dev/null', '/dev/null', '/dev/null'])
    // Its own two ends of a pipe, and nothing that it inherited.
    const rest = (await open('*')).filter((path) => /pipe|tty|causeway\/services$/.test(path))
    assert.equal(rest.length, 2, rest.join(' '))
  })

  it('takes in names without a restart', async (t) => {
    const host = await started(t)
    const pid = await pidOf(host)
    assert.equal(await ask(host, 'west-2.lab.internal'), '')
    await applied(host, grown)
    assert.equal(await pidOf(host), pid)
    for (const deadline = Date.now() + 120_000; (await ask(host, 'west-2.lab.internal')) !== '10.77.2.2'; ) {
      assert.ok(Date.now() < deadline, 'the name is not known')
    }
    await applied(host, overlay)
    for (const deadline = Date.now() + 120_000; (await ask(host, 'west-2.lab.internal')) !== ''; ) {
      assert.ok(Date.now() < deadline, 'the name is still known')
    }
  })

  it('changes nothing when what it is told was cut short or makes no sense', async (t) => {
    const host = await started(t)
    const [before, pid] = [await digests(host), await pidOf(host)]
    const texts = ['', '=conf\n+port=53\n', '=../x\n+a\n.\n', '+a\n.\n', '-../conf\n.\n', '=conf\n+no-such-option\n.\n']
    for (const text of texts) {
      const { code, stderr } = await script(host, 'apply', text)
      assert.equal(code, 64, `${text}: ${stderr}`)
      assert.equal(await digests(host), before, text)
      assert.equal(await pidOf(host), pid, text)
      assert.equal(await ask(host, 'west-1.lab.internal'), '10.77.2.1')
    }
    assert.deepEqual(await applied(host, overlay), ['have dnsmasq read its files'])
  })

  it('is put right by the next apply, wherever one was killed', async (t) => {
    const host = await started(t)
    const states = [overlay, grown, { ...grown, services: { ...services, zone: 'other.internal' } }]
    for (let k = 0; k < 9; k++) {
      const wanted = states[k % 3] ?? overlay
      const killer: Host = {
        name: 'east',
        exec: (argv, options) =>
          argv.includes('apply')
            ? host.exec(['timeout', '-s', 'KILL', `0.${String(5 + 8 * k).padStart(3, '0')}`, ...argv], options)
            : host.exec(argv, options),
        close: () => host.close(),
      }
      const task = await servicesPart.look(killer, wanted, 'east')
      await task.run()
      await applied(host, wanted)
      const zone = wanted.services?.zone
      assert.equal(await ask(host, `west-1.${zone}`), '10.77.2.1', `kill number ${k}`)
      const running = await execChecked(host, [
        'sh',
        '-c',
        `grep -lsF conf-file=${folder}/conf /proc/[0-9]*/cmdline | xargs -r -n1 dirname | xargs -r -I% sh -c 'test %/ns/net -ef /proc/self/ns/net && grep -qs ^dnsmasq %/cmdline && echo %; true'`,
      ])
      assert.equal(running.trim().split('\n').length, 1, running)
    }
  })

  it('has files read that were in their place when an apply was killed', async (t) => {
    const host = await started(t)
    const path = 'names/at-west'
    await host.run(`tee ${folder}/${path}`, serviceFiles(grown, services, 'east').get(path)?.text)
    await host.run(`touch ${folder}/unread`)
    assert.deepEqual(await applied(host, grown), ['have dnsmasq read its files'])
    assert.equal(await ask(host, 'west-2.lab.internal'), '10.77.2.2')
  })

  it("never ends another's process, whatever its records say", async (t) => {
    const [host, other] = [await started(t), await started(t)]
    const theirs = await pidOf(other)
    await host.run(`kill -9 ${await pidOf(host)}`)
    await host.run(`tee ${folder}/pid`, `${theirs}\n`)
    await host.run(`tee ${folder}/life`, `${theirs} 2\n`)
    assert.deepEqual(await applied(host, overlay), ['start dnsmasq'])
    await servicesPart.lookToRemove(host, 77).then((task) => task.run())
    assert.equal(await ask(other, 'west-1.lab.internal'), '10.77.2.1')
    assert.equal(await pidOf(other), theirs)
  })

  it('finds a process that nothing tells of any more', async (t) => {
    const host = await started(t)
    const pid = await pidOf(host)
    await host.run(`rm -r ${folder}`)
    assert.deepEqual(await applied(host, overlay), fromNothing)
    assert.notEqual(await pidOf(host), pid)
    // A process that has ended may be a zombie for a while; it has no program any more.
    await assert.rejects(host.run(`readlink /proc/${pid}/exe`))
  })

  it('refuses a folder that dnsmasq could not read again later', async (t) => {
    const host = await started(t)
    await host.run('chmod 700 /var/lib/causeway')
    const task = await servicesPart.look(host, grown, 'east')
    const [failure] = await task.run()
    assert.match(failure?.reason ?? '', /\/var\/lib\/causeway is closed to the user .*chmod o\+x/)
    await host.run('chmod 711 /var/lib/causeway')
    await applied(host, grown)
  })
})
