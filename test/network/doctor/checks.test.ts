import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { showDiagnoses } from '../../../src/cli/network-doctor.ts'
import { diagnose } from '../../../src/network/doctor/checks.ts'
import type { Finding } from '../../../src/network/doctor/finding.ts'
import { parseReading } from '../../../src/network/doctor/reading.ts'
import type { Overlay } from '../../../src/network/overlay.ts'
import { sample, withGateway } from '../sample.ts'

/** What a gateway says where all is well, at 1000 s by both clocks. */
const healthy = `time 1000.000000000
kernel 6.1.0
program ip 6.1.0
program bridge 6.1.0
program nft 1.0.6
program sysctl 4.0.2
program ping ?
program fping 5.1
program wg 1.0.20210914
program wireguard-go -
program dnsmasq 2.90
program zebra 8.4.4
program bgpd 8.4.4
feature bridge yes
feature vxlan yes
feature neigh_suppress yes
feature sticky yes
feature nft-ip yes
feature nft-ip6 yes
feature nft-bridge yes
feature wireguard yes
feature tun yes
sysctl net.ipv4.ip_forward 1
sysctl net.bridge.bridge-nf-call-iptables 0
udp 4789 -
udp 51820 -
key cwg77b.3.key 600 root
device cw77 bridge 1450
device cwx77 vxlan 1500
counter bridge/causeway_77 dropped_mac 0
counter bridge/causeway_78 dropped_storm 9
offender bridge/causeway_78 cwp00000009
alive ip/causeway_77 80
name east-1 yes
path 10.250.0.2 full
path 10.250.2.2 full
segment 10.77.0.1 yes
segment 10.77.2.254 yes
end
`

const encrypted: Overlay = {
  ...sample,
  encryption: {
    subnet: '198.18.0.0/15',
    port: 51_820,
    relay: 'head',
    generation: 0,
    keys: new Map(),
    links: new Map(),
  },
}

/** What is found at east, when its answer has a line changed (left out, where the second is empty). */
function found(from: RegExp, to: string, overlay: Overlay = sample): readonly Finding[] {
  assert.match(healthy, from)
  const text = healthy.replace(from, to).replaceAll('\n\n', '\n')
  const gateway = overlay.gateways.find(({ name }) => name === 'east')
  assert.ok(gateway)
  const answer = parseReading(text, 999_900, 1_000_100)
  return diagnose(overlay, gateway, answer).filter(({ level }) => level !== 'ok')
}

describe('a gateway is found', () => {
  test('well when it is, with or without tunnels', () => {
    assert.deepEqual(found(/^end/m, 'end'), [])
    const tunnels = found(/device cw77 bridge 1450/, 'device cw77 bridge 1390', encrypted)
    assert.deepEqual(tunnels, [])
  })

  const cases: readonly [what: string, from: RegExp, to: string, says: string, todo: RegExp, overlay?: Overlay][] = [
    ['to have a clock a bit off', /time 1000/, 'time 1003', 'warning clock it is 3 s ahead', /NTP/],
    ['to have a clock far off', /time 1000/, 'time 900', 'bad clock it is 100 s behind', /NTP/],
    [
      'without VXLAN',
      /vxlan yes/,
      'vxlan no Error: Unknown device type.',
      'bad kernel no vxlan: Error: Unknown device type.',
      /kernel module vxlan/,
    ],
    [
      'with an old bridge',
      /neigh_suppress yes/,
      'neigh_suppress no Invalid',
      'bad kernel no neigh_suppress: Invalid',
      /later kernel/,
    ],
    [
      'not to be tried',
      /feature vxlan yes/,
      'feature namespaces no not allowed',
      'warning kernel whether it has vxlan is not known: not allowed',
      /root/,
    ],
    ['without nft', /nft 1.0.6/, 'nft -', 'bad programs nft missing', /apt-get install nftables/],
    ['without wg', /wg 1.0.20210914/, 'wg -', 'bad programs wg missing', /wireguard-tools/, encrypted],
    [
      'without WireGuard',
      /wireguard yes/,
      'wireguard no Unknown',
      'bad kernel no WireGuard in the kernel, and no wireguard-go',
      /install wireguard-go/,
      encrypted,
    ],
    ['not to forward', /ip_forward 1/, 'ip_forward 0', 'bad settings net.ipv4.ip_forward is 0', /sysctl\.d/],
    [
      'to filter bridged frames',
      /iptables 0/,
      'iptables 1',
      'warning settings net.bridge.bridge-nf-call-iptables is 1',
      /sysctl\.d/,
    ],
    ['with its port taken', /udp 4789 -/, 'udp 4789 openvpn', 'bad ports UDP 4789 is taken by openvpn', /stop openvpn/],
    [
      "with the tunnels' port taken",
      /udp 51820 -/,
      'udp 51821 openvpn',
      'bad ports UDP 51821 is taken by openvpn',
      /stop openvpn/,
      encrypted,
    ],
    [
      'with a key that others can read',
      /600 root/,
      '644 root',
      'bad keys cwg77b.3.key belongs to root and has mode 644',
      /rotate-keys/,
      encrypted,
    ],
    ['without a key', /key .*/, '', 'warning keys no key of cwg77a or cwg77b yet', /controller/, encrypted],
    ['without a bridge', /device cw77 .*/, '', 'bad devices no cw77', /start the controller/],
    [
      'with another device for its VXLAN',
      /cwx77 vxlan/,
      'cwx77 dummy',
      'bad devices cwx77 is a dummy',
      /ip link del cwx77/,
    ],
    [
      'with a narrow bridge',
      /bridge 1450/,
      'bridge 1300',
      'warning devices cw77 has an MTU of 1300, not 1450',
      /controller/,
    ],
    [
      'with what another cluster left',
      /^udp 4789/m,
      'device cwx78 vxlan 1500\nudp 4789',
      'warning devices cwx78 of another cluster',
      /ip link del/,
    ],
    ['without a living cache', /alive .*/, '', 'warning cache it does not answer', /causeway cache/],
    ['not to find names', /east-1 yes/, 'east-1 no', "bad names east-1 can't be resolved", /causeway hosts >> /],
    [
      'to drop frames',
      /dropped_mac 0/,
      'dropped_mac 12\noffender bridge/causeway_77 cwp000000e1',
      'warning guard frames were dropped: 12 mac; in the last hour from cwp000000e1',
      /tcpdump/,
    ],
    [
      'to have a narrow path',
      /path 10.250.2.2 full/,
      'path 10.250.2.2 small',
      'bad MTU packets of 1500 bytes do not get to west',
      /underlayMtu/,
    ],
    [
      'to have its VXLAN blocked',
      /segment 10.77.2.254 yes/,
      'segment 10.77.2.254 no',
      'bad paths west does not answer in the segment (10.77.2.254), though it does outside',
      /let UDP 4789 from 10\.250\.1\.2 through/,
    ],
  ]
  for (const [what, from, to, says, todo, overlay] of cases) {
    test(what, () => {
      const wanted = says.split(' ')
      const bridge = overlay === encrypted ? [/bridge 1450/, 'bridge 1390'] : null
      const all = found(from, to, overlay).filter(({ text }) => !(bridge && text.includes('MTU of 1450')))
      assert.deepEqual(
        all.map(({ level, about }) => [level, about]),
        [wanted.slice(0, 2)],
      )
      assert.ok(all[0]?.text.startsWith(wanted.slice(2).join(' ')), all[0]?.text)
      assert.match(all[0]?.todo ?? '', todo)
    })
  }

  test('alone where the other answers nobody; which is less bad than half an answer', () => {
    const text = healthy
      .replace('path 10.250.2.2 full', 'path 10.250.2.2 none')
      .replace('10.77.2.254 yes', '10.77.2.254 no')
    const [east] = sample.gateways.filter(({ name }) => name === 'east')
    assert.ok(east)
    const all = diagnose(sample, east, parseReading(text, 1e6, 1e6)).filter(({ level }) => level !== 'ok')
    assert.deepEqual(
      all.map(({ level, about }) => [level, about]),
      [['warning', 'paths']],
    )
    const behindNat = diagnose(withGateway(encrypted, 'west', { nat: true }), east, parseReading(text, 1e6, 1e6))
    assert.ok(
      behindNat.some(
        ({ level, text: said }) => level === 'bad' && said.startsWith('west does not answer in the segment'),
      ),
    )
  })
})

test('what is no answer of the script is refused', () => {
  for (const text of [
    '',
    'end',
    'time 1000\n',
    'time x\nend\n',
    'time 1\nfoo bar\nend\n',
    'time 1\ndevice cw77\nend\n',
  ])
    assert.throws(() => parseReading(text, 0, 0), { code: 'MalformedOutput' }, text)
})

test('the findings are shown by gateway, the worst first, what is well only when asked', () => {
  const finding = (level: Finding['level'], about: string, todo = '') => ({
    level,
    about,
    text: `${about} is so`,
    todo,
  })
  const diagnoses = [
    { gateway: 'head', findings: [finding('ok', 'clock')] },
    {
      gateway: 'east',
      findings: [finding('warning', 'cache', 'start it'), finding('ok', 'clock'), finding('bad', 'MTU', 'widen it')],
    },
  ]
  assert.equal(
    showDiagnoses(diagnoses, false),
    [
      'head: all is well',
      'east:',
      '  bad      MTU    MTU is so. To do: widen it',
      '  warning  cache  cache is so. To do: start it',
    ].join('\n'),
  )
  assert.match(showDiagnoses(diagnoses, true), /^head:\n {2}ok +clock +clock is so\n/)
})
