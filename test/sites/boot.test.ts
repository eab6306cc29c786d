import assert from 'node:assert/strict'
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { after, before, describe, it } from 'node:test'
import { NamespaceDriver } from '../../src/sites/namespace-driver.ts'
import { loadBoot, loadJoin, renderSeed, type SeedFacts } from '../../src/sites/seed.ts'
import { noSnippets } from '../../src/sites/snippets.ts'
import { eventually } from '../contract/driver-contract.ts'
import { machineSpec } from '../support/machine-spec.ts'
import { machineRemains, ScratchSite } from '../support/scratch-site.ts'

/**
 * A controller's door at 10.77.0.1:8470 that prints each request as a line of JSON and answers with the status in its
 * argument. It ends when its stdin does, and so with the test.
 */
const door = `
process.stdin.on('end', () => process.exit()).resume()
const status = Number(process.argv[1])
require('node:http').createServer(async (request, reply) => {
  let body = ''
  for await (const chunk of request) body += chunk
  console.log(JSON.stringify({ url: request.method + ' ' + request.url, token: request.headers.authorization, body }))
  reply.writeHead(status, { 'content-length': 0 }).end()
}).listen(8470, '10.77.0.1', () => console.log('"ready"'))
`

interface Request {
  readonly url: string
  readonly token: string
  readonly body: string
}

describe('scripts/node/boot in a machine', () => {
  let site: ScratchSite
  let driver: NamespaceDriver
  let ownBoot: string
  before(async () => {
    ownBoot = await loadBoot()
    site = await ScratchSite.create()
    await site.run('ip address add 10.77.0.1/16 dev cw77')
    await site.run('ip address add 10.77.1.254/16 dev cw77')
    driver = new NamespaceDriver({ site: 'east', cluster: 'lab', host: site, root: '/mnt/machines', bin: '/mnt/bin' })
  })
  after(() => site?.close())

  const size = { cpus: 2, memoryMiB: 1500, gpus: 0 }
  const node = { id: 'life-1', name: 'east-1', address: '10.77.1.1', site: 'east', type: 'small', size, features: [] }
  const seedWith = (role: string, boot = ownBoot, more: Partial<SeedFacts> = {}) =>
    renderSeed({
      node: { ...node, mac: machineSpec('life-1').nic.mac },
      cluster: 'lab',
      prefixLength: 16,
      router: '10.77.1.254',
      ipv6: null,
      mtu: 1450,
      resolver: null,
      head: { name: 'head', address: '10.77.0.1' },
      controllerUrl: 'http://10.77.0.1:8470',
      token: 'the-token',
      hosts: [{ name: 'mirror.lab', address: '10.250.9.2' }],
      boot,
      role: { program: `#!/bin/bash\n[ $1 = serve ] || exit 0\n${role}\n`, env: {}, files: [] },
      snippets: noSnippets,
      join: null,
      ...more,
    })

  /** Boots a machine with a role; `work` looks at it while it runs. */
  const booted = async (role: string, work: () => Promise<void>, boot?: string, more?: Partial<SeedFacts>) => {
    try {
      await driver.create(machineSpec('life-1', { seed: seedWith(role, boot, more) }))
      await work()
    } finally {
      await driver.delete('life-1')
    }
    assert.deepEqual(await machineRemains(site), [])
  }

  /** What the door heard: phase and detail of each report, after their form has been checked. */
  const phases = (requests: readonly Request[]) =>
    requests.map((request) => {
      assert.equal(request.url, 'POST /v1/nodes/life-1/phase')
      assert.equal(request.token, 'Bearer the-token')
      return JSON.parse(request.body) as { phase: string; detail?: string }
    })

  const openDoor = async (work: (heard: Request[]) => Promise<void>, status = 202) => {
    const [program = '', ...args] = site.argv(process.execPath, '-e', door, String(status))
    const child: ChildProcessWithoutNullStreams = spawn(program, args)
    const heard: Request[] = []
    try {
      const lines = createInterface({ input: child.stdout })
      await once(lines, 'line')
      lines.on('line', (line) => heard.push(JSON.parse(line) as Request))
      await work(heard)
    } finally {
      const exited = once(child, 'exit')
      child.stdin.end()
      await exited
    }
  }

  const saysSoon = (pattern: RegExp) => eventually(async () => assert.match(await driver.console('life-1'), pattern))

  it('brings the network up, then runs the role and reports each phase', () =>
    openDoor((heard) =>
      booted(
        `hostname; cat /etc/hosts; ip -o -4 address show eth0; ip route; ip -o link show eth0; ping -c 1 -W 5 head
        sleep infinity`,
        async () => {
          await eventually(async () =>
            assert.deepEqual(phases(heard), [{ phase: 'installing' }, { phase: 'enrolling' }]),
          )
          const text = await driver.console('life-1')
          for (const line of [
            /^east-1$/m,
            /^10\.250\.9\.2 mirror\.lab$/m,
            /inet 10\.77\.1\.1\/16 /,
            /^default via 10\.77\.1\.254 dev eth0/m,
            /eth0.* mtu 1450 .*state UP/,
            /1 received/,
          ]) {
            assert.match(text, line)
          }
        },
      ),
    ))

  it('sets IPv6 and the name server where the seed has them', async () => {
    // Written at once and on lines of their own: reports that nobody hears write to the console meanwhile.
    const facts = 'ip -6 -o address show dev eth0; ip -6 route; cat /etc/resolv.conf; ls -l /etc/resolv.conf'
    const show = `printf '\\n%s\\nshown\\n' "$(${facts})"`
    const ipv6 = { address: 'fd77::a4d:101', prefixLength: 64, router: 'fd77::a4d:1fe' }
    const resolver = { server: '10.77.1.254', zone: 'lab.internal' }
    const linked = ownBoot.replace('set -u', 'set -u; ln -sf /run/away/resolv.conf /etc/resolv.conf')
    const shown = async (more: Partial<SeedFacts>) => {
      let text = ''
      await booted(
        `${show}; sleep infinity`,
        async () => {
          await saysSoon(/^shown$/m)
          text = await driver.console('life-1')
        },
        linked,
        more,
      )
      return text
    }
    const text = await shown({ ipv6, resolver })
    assert.match(text, /inet6 fd77::a4d:101\/64 /)
    assert.match(text, /^default via fd77::a4d:1fe dev eth0 /m)
    assert.match(text, /^search lab\.internal\nnameserver 10\.77\.1\.254\noptions timeout:2 attempts:3$/m)
    assert.match(text, /^-rw-r--r-- .* \/etc\/resolv\.conf$/m)
    const plain = await shown({})
    assert.doesNotMatch(plain, /fd77::|nameserver/)
    assert.match(plain, /resolv\.conf -> \/run\/away/)
  })

  it('joins the segment by itself where no bridge reaches it, and keeps its way to the gateway', async () => {
    const program = await loadJoin()
    const join = { gateway: '10.250.1.2', port: 4788, vni: 77, program }
    // Its site's own network, as a cloud's DHCP would bring it up.
    const cloud = ownBoot.replace(
      'set -u',
      'set -u; ip address add 10.250.7.9/24 dev eth0; ip link set eth0 up; ip route add default via 10.250.7.1',
    )
    const facts = 'ip -d -o link show cw0; ip -o -4 address show cw0; ip route'
    await booted(
      `printf '\\n%s\\nshown\\n' "$(${facts})"; sleep infinity`,
      async () => {
        await saysSoon(/^shown$/m)
        const text = await driver.console('life-1')
        assert.match(text, /vxlan id 77 remote 10\.250\.1\.2 local 10\.250\.7\.9 .*dstport 4788 nolearning/)
        assert.match(text, /cw0: .* mtu 1450 .*02:43:0a:4d:01:01/)
        assert.match(text, /cw0 +inet 10\.77\.1\.1\/16 /)
        assert.match(text, /^default via 10\.77\.1\.254 dev cw0/m)
        assert.match(text, /^10\.250\.1\.2 via 10\.250\.7\.1 dev eth0 src 10\.250\.7\.9/m)
      },
      cloud,
      { join, node: { ...node, mac: '02:43:0a:4d:01:01' } },
    )
  })

  it('leaves no token where the role or a job could find it', () =>
    openDoor(() =>
      booted(
        `cd "\${0%/*}"; ls; env
        grep -l 'the-[t]oken' -r . /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null; echo "searched: $?"`,
        async () => {
          await saysSoon(/^searched: \d+$/m)
          const text = await driver.console('life-1')
          assert.match(text, /^searched: [12]$/m)
          assert.ok(!text.includes('the-token'))
          assert.doesNotMatch(text, /^token$/m)
        },
      ),
    ))

  it('reports a role that failed, with its last words in proper JSON', () =>
    openDoor((heard) =>
      booted(`seq 1 100; printf 'quotes " and \\\\ and \\ttab \\033[31m\\303\\251\\n' >&2; exit 3`, () =>
        eventually(async () => {
          const failed = phases(heard).at(-1)
          assert.equal(failed?.phase, 'failed')
          assert.match(
            failed?.detail ?? '',
            /^the role ended with status 3: 82\n83\n[^]*100\nquotes " and \\ and \ttab \[31m$/,
          )
        }),
      ),
    ))

  it("runs the admin's snippets around the installation, and no job can come before they are through", () =>
    openDoor((heard) =>
      booted(
        'echo role serves; sleep infinity',
        async () => {
          await saysSoon(/^role serves$/m)
          const said = (await driver.console('life-1')).match(/^(before|after|role) .*/gm)
          assert.deepEqual(said, ['before on east-1', 'role installs', 'after on east-1', 'role serves'])
          await eventually(async () =>
            assert.deepEqual(
              phases(heard).map(({ phase }) => phase),
              ['installing', 'enrolling'],
            ),
          )
        },
        undefined,
        {
          role: {
            program:
              '#!/bin/bash\ncase $1 in install) echo role installs;; serve) echo role serves; sleep infinity;; esac',
            env: {},
            files: [],
          },
          snippets: {
            before: '#!/bin/sh\necho "before on $NODE_NAME"; sleep 1000 &\n',
            after: '#!/bin/bash\necho "after on $NODE_NAME"\n',
          },
        },
      ),
    ))

  it('reports a snippet that failed, by its name and last words', () =>
    openDoor((heard) =>
      booted(
        'echo role serves; sleep infinity',
        async () => {
          await eventually(async () => {
            const { phase, detail } = phases(heard).at(-1) ?? {}
            assert.equal(phase, 'failed')
            assert.match(detail ?? '', /^the admin's snippet "after" ended with status 4: mount: no such server$/)
          })
          assert.doesNotMatch(await driver.console('life-1'), /role serves/)
        },
        undefined,
        { snippets: { before: null, after: '#!/bin/sh\necho mount: no such server >&2; exit 4\n' } },
      ),
    ))

  it('does the same at a later start, when there is no token any more, and reports nothing', () =>
    openDoor((heard) =>
      booted(
        `echo "start $(cat /again 2>/dev/null)"
        if [ -e /again ]; then sleep infinity; fi; echo two >/again`,
        async () => {
          await saysSoon(/^start two$/m)
          assert.deepEqual(
            phases(heard).map(({ phase }) => phase),
            ['installing', 'enrolling'],
          )
        },
        `${ownBoot}\n[ -e /run/again ] || { touch /run/again; exec "$0"; }\n`,
      ),
    ))

  it('reports a network that does not come up', () =>
    openDoor((heard) =>
      booted(
        ':',
        async () => {
          // Nothing can be delivered over no network; what counts is that the boot says why and ends.
          await saysSoon(/boot: failed: the network did not come up: .*nonsense/)
          await saysSoon(/boot ended with status 1/)
          assert.deepEqual(heard, [])
        },
        ownBoot.replace('ip address replace "$ADDRESS"', 'ip address replace nonsense').replace('1 2 3 4 5', '1'),
      ),
    ))

  it('goes on when the controller is away or refuses, and says so on the console', async () => {
    const impatient = ownBoot.replace('for attempt in 1 2 3 4 5', 'for attempt in 0 0')
    const away = /does not hear that this node is installing; going on/
    await booted('echo role runs; sleep infinity', () => saysSoon(/role runs/).then(() => saysSoon(away)), impatient)
    await openDoor(async (heard) => {
      await booted('echo role runs; sleep infinity', () => saysSoon(/role runs/).then(() => saysSoon(away)), impatient)
      assert.ok(heard.length >= 2)
    }, 401)
  })

  it('reports without curl too', () =>
    openDoor((heard) =>
      booted(
        'sleep infinity',
        () => eventually(async () => assert.deepEqual(phases(heard).at(-1), { phase: 'enrolling' })),
        ownBoot.replace('command -v curl', 'command -v no-such-program'),
      ),
    ))
})
