import { randomUUID } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'
import { CausewayError } from '../../base/errors.ts'
import type { Host } from '../../base/host.ts'
import type { ControllerConfig } from '../../config/controller-schema.ts'
import { furtherGateway, joinsByItself, poolOf } from '../../config/further-hosts.ts'
import { type NodePlace, nodePlaces } from '../../config/node-places.ts'
import { emptyOverlay } from '../../elastic/overlay-from-nodes.ts'
import { bridgeName, memberAddress6, memberMac, poolAddress, portName, segmentMtu } from '../../network/addressing.ts'
import { applyGateway } from '../../network/apply.ts'
import type { Member } from '../../network/overlay.ts'
import type { Driver, MachineSpec } from '../../sites/driver.ts'
import { renderEnv } from '../../sites/seed.ts'
import { freeAddress } from './free-place.ts'
import { driverConfigOf, gatewaysOf } from './gateways-of.ts'

/** How often its console is looked at, ms. */
const lookMs = 1000

/** What a test node prints before what it found. */
const marker = 'causeway-test:'

/** What a test node runs: it brings its network up, and says on its console whether its router answers. */
const boot = `#!/bin/sh
seed=$(cd "$(dirname "$0")" && pwd)
. "$seed/env"
say() {
  echo "${marker} $1"
  { echo "${marker} $1" >/dev/console; } 2>/dev/null || true
}
if [ "$ALONE" ]; then say "it boots" && exit; fi
ip link set lo up
ip link set eth0 mtu "$MTU" up
ip address replace "$ADDRESS" dev eth0
tries=0
until ping -c 1 -W 2 "$ROUTER" >/dev/null 2>&1; do
  tries=$((tries + 1))
  if [ $tries -ge 30 ]; then say "no answer from $ROUTER" && exit 1; fi
  sleep 1
done
say "its router answers"
`

/** What trying a node needs. */
export interface TestNodeParts {
  readonly config: ControllerConfig
  readonly site: string
  readonly driver: Driver
  /** The host of a gateway, by its name. */
  host(gateway: string): Host
  /** The host of the pool that is to have it; null: any. */
  readonly at: string | null
  /** Whether it is to reach its router; else it need only boot. Changes the segment at all gateways of the site meanwhile. */
  readonly reach: boolean
  readonly clock: Clock
  /** How long the node may take to boot, ms. */
  readonly deadlineMs: number
}

/**
 * Makes a node of the site's first type, waits until it says on its console that its router answers over the segment (if that is
 * asked for, and its site plugs it in), and removes it. Nothing of it is left, however this ends.
 * @returns what it said
 * @throws CausewayError `BootTimeout` with the end of its console; else as `Driver.create` and `applyGateway`
 */
export async function tryTestNode(parts: TestNodeParts): Promise<string> {
  const { config, site, driver, clock, deadlineMs } = parts
  const isPlugged = parts.reach && !joinsByItself(driverConfigOf(config, site))
  const spec = testSpec(parts, isPlugged)
  const startedAtMs = clock.now()
  // Its router may be at another host than it, which must know it to answer.
  const apply = async (members: readonly Member[]) => {
    const overlay = emptyOverlay(config)
    for (const gateway of isPlugged ? gatewaysOf(config, site) : [])
      await applyGateway(parts.host(gateway), { ...overlay, members: [...overlay.members, ...members] }, gateway)
  }
  try {
    const machine = await driver.create(spec)
    await apply([memberOf(config, spec, gatewayOf(config, site, machine.host))])
    return await wordOf(driver, spec, clock, startedAtMs + deadlineMs)
  } finally {
    await driver.delete(spec.id)
    await apply([])
  }
}

/**
 * A machine with the last address of the first type's pool that a node can have: a new site has no such node yet. One that need only
 * boot may be at a site with nodes, so it has an address that none of them can have.
 */
function testSpec({ config, site, at, reach }: TestNodeParts, isPlugged: boolean): MachineSpec {
  const place = nodePlaces(config).find((one) => one.site === site)
  const gateway = config.sites[site]?.gateway
  if (!place || !gateway) throw new CausewayError('NotFound', `the configuration has no site ${site} with nodes`)
  const id = randomUUID()
  const address = reach ? poolAddress(place.pool, place.names) : freeAddress(config, site)
  const env = {
    ADDRESS: `${address}/${config.cluster.subnet.split('/')[1]}`,
    ROUTER: gateway.address,
    MTU: String(segmentMtu(emptyOverlay(config))),
    ALONE: isPlugged ? '' : 'yes',
  }
  return {
    id,
    name: `${site}-test`,
    cluster: config.cluster.name,
    type: place.type,
    image: place.image,
    ...sizeOf(place),
    nic: {
      mac: memberMac(address),
      port: portName(id),
      bridge: bridgeName(config.cluster.vni),
      mtu: Number(env.MTU),
      address: env.ADDRESS,
      router: env.ROUTER,
      ipv6: null,
      resolver: null,
    },
    seed: [
      { path: 'env', mode: 0o644, content: renderEnv(env) },
      { path: 'boot', mode: 0o755, content: boot },
    ],
    avoidHosts: at === null ? [] : Object.keys(poolOf(driverConfigOf(config, site))).filter((host) => host !== at),
    first: true,
  }
}

function sizeOf({ settings }: NodePlace): { cpus: number; memoryMiB: number } {
  return { cpus: settings.cpus, memoryMiB: Math.floor(settings.memory / 2 ** 20) }
}

/** The gateway that the machine is behind. */
function gatewayOf(config: ControllerConfig, site: string, host: string | null): string {
  if (host === null) return site
  const at = poolOf(driverConfigOf(config, site))[host]
  return at && !at.gateway ? furtherGateway(site, host) : site
}

/** As whom the guard of its gateway lets it through. */
function memberOf({ cluster }: ControllerConfig, { name, nic }: MachineSpec, gateway: string): Member {
  const [address = ''] = nic.address.split('/')
  const address6 = cluster.subnet6 === undefined ? null : memberAddress6(address, cluster.subnet6)
  return { name, address, address6, mac: nic.mac, gateway, port: nic.port, fixed: false }
}

async function wordOf(driver: Driver, spec: MachineSpec, clock: Clock, deadlineMs: number): Promise<string> {
  for (;;) {
    const console = await driver.console(spec.id)
    const said = console.split(marker)[1]?.split('\n')[0]?.trim()
    if (said?.startsWith('no answer')) throw timeout(spec, said, console)
    if (said) return said
    if (clock.now() >= deadlineMs) throw timeout(spec, 'it said nothing in time', console)
    await clock.sleep(lookMs)
  }
}

function timeout({ name, image }: MachineSpec, what: string, console: string): CausewayError {
  const tail = console.trim().split('\n').slice(-15).join('\n')
  return new CausewayError(
    'BootTimeout',
    `test node ${name} of image ${image}: ${what}. The end of its console:\n${tail === '' ? '(empty)' : tail}`,
  )
}
