import { type StaticDecode, Type } from 'typebox'
import { Ip, Ipv4, namePattern, optionalMap, PlainPath, Whole } from '../fields.ts'
import { imageForm, imagePattern } from '../images-schema.ts'
import { SshSchema } from '../ssh-schema.ts'
import { Duration, Size } from '../units.ts'

/** Numbers of CPUs or of memory nodes, as libvirt and taskset write them. */
const NumberSet = (expected: string) => Type.String({ pattern: '^\\d+(-\\d+)?(,\\d+(-\\d+)?)*$', expected })

const Firmware = ['bios', 'uefi', 'kernel'].map((name) => Type.Literal(name))
const Machine = ['q35', 'pc'].map((name) => Type.Literal(name))

/** A kernel that the hypervisor starts by itself; the files lie on every host of the pool. */
const Kernel = Type.Object({
  kernel: PlainPath(),
  initrd: Type.Optional(PlainPath()),
  cmdline: Type.String({ pattern: '^[\\x20-\\x7e]{0,2000}$', expected: 'words for the kernel', default: '' }),
})

/** What only one node type has of its own. */
const TypeSchema = Type.Object(
  {
    /** Size of the root disk, at least the image's; left out: as large as the image's. */
    disk: Type.Optional(Size()),
    /** CPUs of the host that its machines run on; left out: any. */
    cpuset: Type.Optional(NumberSet('numbers of CPUs such as 2-7,10')),
    /** Memory nodes (NUMA) that its machines' memory comes from, strictly; left out: any. */
    memoryNodes: Type.Optional(NumberSet('numbers of memory nodes such as 0 or 0-1')),
    /** Its machines' memory comes from the host's huge pages of this size; left out: from common pages. */
    hugePages: Type.Optional(Type.Union(['2MiB', '1GiB'].map((size) => Type.Literal(size)))),
    /** Its machines' memory is never swapped out. */
    lockMemory: Type.Boolean({ default: false }),
    firmware: Type.Optional(Type.Union(Firmware)),
    kernel: Type.Optional(Kernel),
    machine: Type.Optional(Type.Union(Machine)),
  },
  optionalMap,
)

/** A host of the pool: the site's gateway, or one reached over SSH as root. */
const HostSchema = Type.Object(
  {
    /** The host is the site's gateway. */
    gateway: Type.Boolean({ default: false }),
    ssh: Type.Optional(SshSchema),
    /** Where the gateways reach it for the overlay, which it joins as a gateway does. */
    underlay: Type.Optional(Ip()),
    /** Its bridge's address in the segment. */
    address: Type.Optional(Ipv4()),
    /** It takes no new machines, and those that it has are drained. */
    maintenance: Type.Boolean({ default: false }),
  },
  optionalMap,
)

/** Virtual machines by libvirt and QEMU, on the gateway or on a pool of hosts. */
export const LibvirtSchema = Type.Object({
  kind: Type.Literal('libvirt'),
  /** A name or digest that the site's images have, or a qcow2 file that every host has; a type may have its own. */
  image: Type.String({ pattern: imagePattern, expected: imageForm }),
  /** How machines boot: the image's boot loader under BIOS or UEFI, or a kernel given by `kernel`. */
  firmware: Type.Union(Firmware, { default: 'bios' }),
  kernel: Type.Optional(Kernel),
  machine: Type.Union(Machine, { default: 'q35' }),
  /** `auto`: KVM where a probe at the host shows that it works, else emulation. */
  accelerator: Type.Union(
    ['auto', 'kvm', 'tcg'].map((name) => Type.Literal(name)),
    { default: 'auto' },
  ),
  /** Which of the hosts that have room gets a machine: the emptiest, or the fullest. */
  placement: Type.Union(
    ['spread', 'pack'].map((name) => Type.Literal(name)),
    { default: 'spread' },
  ),
  /** Virtual CPUs that a host gives away for each that it has. */
  cpuOvercommit: Whole(1, 64, { default: 1 }),
  /** What a host keeps for itself. */
  reserve: Type.Object({ memory: Size({ default: '1GiB' }), disk: Size({ default: '2GiB' }) }, { default: {} }),
  /** How long a machine that is deleted may take to shut down before its power is cut; 0s: it is cut at once. */
  shutdown: Duration({ default: '20s', most: '10m' }),
  /** The pool, by names of one's own; left out: the gateway is the only host. */
  hosts: Type.Optional(Type.Record(Type.String({ pattern: namePattern }), HostSchema, { minProperties: 1 })),
  types: Type.Record(Type.String({ pattern: namePattern }), TypeSchema, { default: {} }),
})

/** The settings of a site's libvirt, sizes in bytes and times in ms. */
export type LibvirtConfig = StaticDecode<typeof LibvirtSchema>
