import type { ControllerConfig, DriverConfig } from '../controller-schema.ts'
import { type Problem, problemAt } from '../explain.ts'

/** What can't be true together in the settings of sites that run virtual machines by libvirt. */
export function* libvirtContradictions(config: ControllerConfig): Generator<Problem> {
  for (const [site, { driver }] of Object.entries(config.sites)) {
    if (driver.kind !== 'libvirt') continue
    const path = ['sites', site, 'driver']
    yield* hosts(driver, path)
    yield* kernels(driver, path)
  }
}

function* hosts(driver: DriverConfig<'libvirt'>, path: readonly string[]): Generator<Problem> {
  let gateway: string | null = null
  for (const [name, host] of Object.entries(driver.hosts ?? {})) {
    const at = [...path, 'hosts', name]
    if (host.gateway === (host.ssh !== undefined)) {
      yield problemAt(at, 'a host is either the gateway or reached over SSH: give it `gateway: true` or `ssh`')
    }
    if (host.ssh && !host.underlay) {
      yield problemAt([...at, 'underlay'], 'missing; expected the address by which the gateways reach it')
    }
    if (host.gateway && gateway !== null) yield problemAt([...at, 'gateway'], `${gateway} is the gateway already`)
    if (host.gateway) gateway = name
  }
}

function* kernels(driver: DriverConfig<'libvirt'>, path: readonly string[]): Generator<Problem> {
  const missing = 'missing; expected the kernel that `firmware: kernel` starts'
  if (driver.kernel) return
  if (driver.firmware === 'kernel') yield problemAt([...path, 'kernel'], missing)
  for (const [type, { firmware, kernel }] of Object.entries(driver.types)) {
    if (firmware === 'kernel' && !kernel) yield problemAt([...path, 'types', type, 'kernel'], missing)
  }
}
