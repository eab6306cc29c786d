import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it } from 'node:test'
import { NetnsHost } from './netns-host.ts'

const script = path.resolve(import.meta.dirname, '../../scripts/site/causeway-wireguard')

/** wireguard-go on a busy machine: half a second goes by between its control socket's bind and listen. */
const slowly = (real: string) => `#!/usr/bin/perl
use Socket;
my $path = "/var/run/wireguard/$ARGV[1].sock";
socket(SOCKET, PF_UNIX, SOCK_STREAM, 0) && bind(SOCKET, sockaddr_un($path)) || die "no socket: $!\\n";
select(undef, undef, undef, 0.5);
unlink($path) || die "the socket was taken away before it listened\\n";
exec { '${real}' } 'wireguard-go', @ARGV;
`

describe('a tunnel device that is a process', () => {
  it('starts also where its control socket is there for a while before it listens', async (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'causeway-wireguard-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const host = await NetnsHost.create('east')
    t.after(() => host.close())
    const [real, slow] = [path.join(folder, 'real'), path.join(folder, 'slow')]
    copyFileSync('/usr/bin/wireguard-go', real)
    writeFileSync(slow, slowly(real), { mode: 0o755 })

    const replaced = ['sh', '-c', 'mount --bind "$0" /usr/bin/wireguard-go && exec "$@"', slow]
    const { code, stdout, stderr } = await host.exec([...replaced, script, 'run'], { stdin: 'create cwg77a 0\n' })

    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '', stderr: '' })
    assert.match(await host.run('wg show cwg77a'), /public key/)
  })
})
