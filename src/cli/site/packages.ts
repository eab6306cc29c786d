import type { ControllerConfig } from '../../config/controller-schema.ts'

const overlayPackages = 'iproute2 nftables procps iputils-ping fping curl ca-certificates'.split(' ')

const libvirtPackages =
  'libvirt-daemon-system libvirt-clients libvirt-daemon-driver-qemu qemu-system-x86 qemu-utils ovmf xorriso'.split(' ')

/** The Debian packages that hosts of a site need: for the overlay, and for its kind of machines. */
export function packagesFor({ cluster, sites }: ControllerConfig, site: string): readonly string[] {
  const { encryption, services, mode } = cluster.overlay
  const overlay = [
    ...overlayPackages,
    ...(encryption ? ['wireguard-tools'] : []),
    ...(services ? ['dnsmasq-base'] : []),
    ...(mode === 'evpn' ? ['frr'] : []),
  ]
  return sites[site]?.driver.kind === 'libvirt' ? [...overlay, ...libvirtPackages] : overlay
}
