import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { NetnsHost } from './netns-host.ts'

/** Milliseconds after which a frame is taken for lost that must have come. */
const tooLong = 120_000

/** Sends what it reads, a frame in hex a line, out of the device. A packet socket (packet(7)) in Perl, which Debian always has. */
const send = `
  use strict; my ($device) = @ARGV;
  open(my $f, '<', "/sys/class/net/$device/ifindex") or die; chomp(my $index = <$f>);
  socket(my $s, 17, 3, 0) or die "socket: $!";
  while (<STDIN>) { chomp; defined send($s, pack('H*', $_), 0, pack('SnlSCCa8', 17, 0, $index, 0, 0, 6, '')) or die "send: $!" }`

/** Prints the frames that come in on the device, in hex a line each, after a first line that says that it listens. */
const listen = `
  use strict; my ($device) = @ARGV; $| = 1;
  open(my $f, '<', "/sys/class/net/$device/ifindex") or die; chomp(my $index = <$f>);
  socket(my $s, 17, 3, 0x0300) or die "socket: $!";
  setsockopt($s, 1, 8, 4_000_000); # SO_RCVBUF
  bind($s, pack('SnlSCCa8', 17, 3, $index, 0, 0, 0, '')) or die "bind: $!";
  print "listening\\n";
  while (defined(my $from = recv($s, my $frame, 65536, 0))) {
    my $kind = unpack('x10 C', $from); # 4: our own, on its way out
    print unpack('H*', $frame), "\\n" unless $kind == 4;
  }`

/** Sends frames from a host's `eth0`, one after the other. */
export async function sendFrames(from: NetnsHost, frames: readonly Buffer[], device = 'eth0'): Promise<void> {
  const stdin = frames.map((frame) => `${frame.toString('hex')}\n`).join('')
  const { code, stderr } = await from.exec(['perl', '-e', send, device], { stdin })
  assert.equal(code, 0, stderr)
}

/**
 * Sends frames, and then a marker that surely passes: which of them came to another host before it? On one way through one
 * bridge frames keep their order, so what has not come by then never will.
 */
export async function whichArrive(
  from: NetnsHost,
  to: NetnsHost,
  frames: readonly Buffer[],
  marker: Buffer,
): Promise<readonly boolean[]> {
  const [program = '', ...args] = to.argv('perl', '-e', listen, 'eth0')
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const timer = setTimeout(() => child.kill(), tooLong)
  try {
    const seen = new Set<string>()
    const last = untagged(marker.toString('hex'))
    for await (const line of createInterface(child.stdout)) {
      if (line === 'listening') await sendFrames(from, [...frames, marker])
      if (line === last) return frames.map((frame) => seen.has(untagged(frame.toString('hex'))))
      seen.add(line)
    }
    return assert.fail('the marker did not arrive')
  } finally {
    clearTimeout(timer)
    child.kill('SIGKILL')
  }
}

/** A packet socket hands out a VLAN tag beside the frame, not in it. */
function untagged(frame: string): string {
  return frame.slice(24, 28) === '8100' ? frame.slice(0, 24) + frame.slice(32) : frame
}
