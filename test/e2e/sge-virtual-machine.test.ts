import assert from 'node:assert/strict'
import { release } from 'node:os'
import { after, before, describe, test } from 'node:test'
import type { Lab } from '../../lab/lab.ts'
import { until } from '../../lab/until.ts'
import { lives, shrunk } from './cluster.ts'
import { labName } from './lab-name.ts'
import { remains } from './remains.ts'
import { instanceState, knownHosts, qsub, sgeUp, succeeded } from './sge-cluster.ts'

const port = 7000
const heard = '/run/heard'

/** Writes down what the first caller says. The machine has a /home of its own, so its job calls. */
const listen = `use IO::Socket::INET;
my $server = IO::Socket::INET->new(Listen => 1, LocalPort => ${port}, ReuseAddr => 1) or die $@;
my $caller = $server->accept;
print while <$caller>;`

/** Says where it runs, and which of the things that made the machine a node an ordinary user could read. */
const job = `#!/bin/bash
exec >/dev/tcp/head/${port}
echo "host $(hostname)"
echo "kernel $(uname -r)"
echo "user $(id -un)"
echo "queue $QUEUE"
echo "cell $(cat "$SGE_ROOT/$SGE_CELL/common/act_qmaster")"
echo "disk $(stat -c '%a %U' /dev/vdb)"
for place in /var/lib/causeway/seed/token /var/lib/causeway/seed/role /dev/vdb; do
  if head -c 1 "$place" >/dev/null 2>&1; then echo "OPEN $place"; fi
done
echo "end"`

describe("a virtual machine at a site, made an execution host by Grid Engine's role", () => {
  let lab: Lab
  before(async () => {
    lab = await sgeUp({ name: labName, machines: 'libvirt', caches: false, nodes: { east: 1, west: 1 } })
  })
  after(async () => {
    await lab.down()
    assert.deepEqual(await lab.leftovers(), [])
  })

  test('an ordinary job runs there, over the overlay', async () => {
    const listener = await lab.head.start(['perl', '-e', listen], { log: heard })
    const id = await qsub(lab, job, '-S', '/bin/bash')
    const [record] = await succeeded(lab, id)
    assert.equal(record?.get('hostname'), 'east-1')
    await until('the caller has hung up', 120_000, () => listener.status !== undefined)
    const said = lab.head.read(heard)
    const word = (what: string) => said.match(new RegExp(`^${what} (.*)$`, 'm'))?.[1]
    assert.equal(word('host'), 'east-1')
    assert.match(word('kernel') ?? '', /cloud/)
    assert.notEqual(word('kernel'), release())
    assert.equal(word('user'), 'alice')
    assert.equal(word('queue'), 'all.q')
    assert.equal(word('cell'), 'head')
    assert.equal(word('disk'), '600 root') // the seed's
    assert.match(said, /^end$/m)
    assert.doesNotMatch(said, /OPEN/)
    assert.deepEqual(
      lives(lab).map(({ name }) => name),
      ['east-1'],
    )
  })

  test('the queue has no host, and the site no machine, disk, seed or port, when nobody needs it', async () => {
    await shrunk(lab)
    await until('Grid Engine has forgotten the host', 120_000, async () => (await knownHosts(lab)).length === 0)
    assert.equal(await instanceState(lab, 'east-1'), null)
    assert.deepEqual(await remains(lab), [])
  })
})
