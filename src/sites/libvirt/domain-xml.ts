import { Builder } from 'xml2js'
import { CausewayError } from '../../base/errors.ts'
import type { LibvirtConfig } from '../../config/drivers/libvirt.ts'
import type { MachineSpec } from '../driver.ts'
import { domainName, metadataUri, uuidOf } from './identity.ts'

/** What a domain depends on besides its spec and the settings. */
export interface DomainPlace {
  /** The machine's folder at the host. */
  readonly folder: string
  /** As libvirt and `uname -m` call it. */
  readonly arch: string
  /** `kvm`: the host's processor runs it; `tcg`: QEMU emulates one. */
  readonly accelerator: 'kvm' | 'tcg'
  /** When it is made, ms since the epoch by the host's clock. */
  readonly createdAtMs: number
}

/** Code that TCG has translated is kept up to this size, MiB; its default of a quarter of all memory is for one machine alone. */
export const tbCacheMiB = 64

/** A node in the builder's form: `$` has the attributes. */
type Node = { readonly [name: string]: Node | readonly Node[] | string | number | undefined }

/**
 * The domain of a machine (https://libvirt.org/formatdomain.html): what it is in the metadata, an overlay disk, the seed
 * as a second disk, one network port, a serial console that goes to a file, and nothing that a node has no use for.
 * @throws CausewayError `InvalidConfig` when its kernel is missing
 */
export function domainXml(spec: MachineSpec, config: LibvirtConfig, place: DomainPlace): string {
  const type = config.types[spec.type]
  const { id, name, cluster } = spec
  const domain: Node = {
    $: { type: place.accelerator === 'kvm' ? 'kvm' : 'qemu' },
    name: domainName(spec),
    uuid: uuidOf(id),
    metadata: {
      'causeway:machine': {
        $: {
          'xmlns:causeway': metadataUri,
          id,
          name,
          cluster,
          createdAtMs: place.createdAtMs,
          ...(type?.hugePages ? { hugePages: type.hugePages } : {}),
        },
      },
    },
    memory: { $: { unit: 'MiB' }, _: spec.memoryMiB },
    ...memoryBacking(type),
    vcpu: { $: type?.cpuset ? { placement: 'static', cpuset: type.cpuset } : {}, _: spec.cpus },
    ...(type?.memoryNodes ? { numatune: { memory: { $: { mode: 'strict', nodeset: type.memoryNodes } } } } : {}),
    os: boot(spec, config, place.arch),
    features: {
      acpi: {},
      ...(place.accelerator === 'tcg' ? { tcg: { 'tb-cache': { $: { unit: 'MiB' }, _: tbCacheMiB } } } : {}),
    },
    cpu: { $: { mode: place.accelerator === 'kvm' ? 'host-passthrough' : 'maximum' } },
    clock: { $: { offset: 'utc' } },
    on_poweroff: 'destroy',
    on_reboot: 'restart',
    on_crash: 'destroy',
    devices: devices(spec, place.folder),
  }
  return `${new Builder({ rootName: 'domain', headless: true, renderOpts: { pretty: true, indent: '  ' } }).buildObject(domain)}\n`
}

/** The settings of a node type, with what it takes over from those of the site. */
export function bootSettings(config: LibvirtConfig, type: string) {
  const own = config.types[type]
  return {
    firmware: own?.firmware ?? config.firmware,
    machine: own?.machine ?? config.machine,
    kernel: own?.kernel ?? config.kernel,
  }
}

function memoryBacking(type: LibvirtConfig['types'][string] | undefined): Node {
  const size = type?.hugePages === '1GiB' ? 1 : 2
  const unit = type?.hugePages === '1GiB' ? 'GiB' : 'MiB'
  const backing: Node = {
    ...(type?.hugePages ? { hugepages: { page: { $: { size, unit } } } } : {}),
    ...(type?.lockMemory ? { locked: {} } : {}),
  }
  return Object.keys(backing).length > 0 ? { memoryBacking: backing } : {}
}

function boot(spec: MachineSpec, config: LibvirtConfig, arch: string): Node {
  const { firmware, machine, kernel } = bootSettings(config, spec.type)
  const type = { $: { arch, machine }, _: 'hvm' }
  if (firmware === 'uefi') {
    // Images are ours and change often: none is signed for secure boot.
    return {
      $: { firmware: 'efi' },
      type,
      firmware: { feature: { $: { enabled: 'no', name: 'secure-boot' } } },
      boot: { $: { dev: 'hd' } },
    }
  }
  if (firmware === 'bios') return { type, boot: { $: { dev: 'hd' } } }
  if (!kernel) throw new CausewayError('InvalidConfig', `node type ${spec.type} boots a kernel, and none is given`)
  return {
    type,
    kernel: kernel.kernel,
    ...(kernel.initrd ? { initrd: kernel.initrd } : {}),
    cmdline: `console=ttyS0 ${kernel.cmdline}`.trim(),
  }
}

function devices(spec: MachineSpec, folder: string): Node {
  const { nic } = spec
  return {
    disk: [
      {
        $: { type: 'file', device: 'disk' },
        // After a power cut a machine is made anew from its image: nothing is gained by writing anything through.
        driver: { $: { name: 'qemu', type: 'qcow2', cache: 'unsafe', discard: 'unmap' } },
        source: { $: { file: `${folder}/disk.qcow2` } },
        target: { $: { dev: 'vda', bus: 'virtio' } },
      },
      {
        $: { type: 'file', device: 'disk' },
        driver: { $: { name: 'qemu', type: 'raw' } },
        source: { $: { file: `${folder}/seed.iso` } },
        target: { $: { dev: 'vdb', bus: 'virtio' } },
        readonly: {},
      },
    ],
    interface: {
      $: { type: 'bridge' },
      mac: { $: { address: nic.mac } },
      source: { $: { bridge: nic.bridge } },
      target: { $: { dev: nic.port } },
      model: { $: { type: 'virtio' } },
      mtu: { $: { size: nic.mtu } },
      rom: { $: { enabled: 'no' } },
    },
    serial: {
      $: { type: 'file' },
      source: { $: { path: `${folder}/console.log`, append: 'on' } },
      target: { $: { port: 0 } },
    },
    controller: { $: { type: 'usb', model: 'none' } },
    video: { model: { $: { type: 'none' } } },
    rng: { $: { model: 'virtio' }, backend: { $: { model: 'random' }, _: '/dev/urandom' } },
    memballoon: { $: { model: 'none' } },
  }
}
