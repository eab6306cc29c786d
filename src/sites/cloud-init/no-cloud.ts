import { gzipSync } from 'node:zlib'
import { Document, visit } from 'yaml'
import { CausewayError } from '../../base/errors.ts'
import type { MachineSpec, Nic, SeedFile } from '../driver.ts'
import { nodeUnit } from './node-unit.ts'

/** The three texts of cloud-init's NoCloud datasource. */
export interface NoCloud {
  readonly metaData: string
  readonly userData: string
  readonly networkConfig: string
}

/** The folder of a machine that has its seed. */
const seedFolder = '/var/lib/causeway/seed'

/**
 * What cloud-init has to read to make a machine the one of a spec: its seed below `/var/lib/causeway/seed`, its name, its
 * network, and `boot` run as a service. The user data has secrets. Every file of the seed is a line of its own there, as
 * JSON with base64, so that an init without cloud-init can carry it out too.
 *
 * Formats: cloud-init's "NoCloud", "Cloud config data" and "Networking config Version 2".
 * @throws CausewayError `InvalidRequest` when a file's path leaves the folder
 */
export function renderNoCloud(spec: MachineSpec): NoCloud {
  return {
    // The id is that of a life: a machine made anew is another instance, one that only starts again is not.
    metaData: toYaml({ 'instance-id': spec.id, 'local-hostname': spec.name }),
    userData: userData(spec, base64),
    networkConfig: toYaml(network(spec.nic)),
  }
}

/**
 * The same user data for sites that limit its length (EC2: 16 KiB): text as it is, and all compressed with gzip, which
 * cloud-init recognizes by itself.
 * @throws CausewayError `InvalidRequest` when a file's path leaves the folder
 */
export function compactUserData(spec: MachineSpec): Uint8Array {
  return gzipSync(userData(spec, plainWhereItCan), { level: 9 })
}

type Content = (content: string) => { readonly encoding?: 'b64'; readonly content: string }

function base64(content: string): ReturnType<Content> {
  return { encoding: 'b64', content: Buffer.from(content).toString('base64') }
}

/** What is not plain ASCII, or begins blank, is not worth knowing how each writer and reader of YAML takes it. */
function plainWhereItCan(content: string): ReturnType<Content> {
  return /^(?:[!-~][\t\n -~]*)?$/.test(content) ? { content } : base64(content)
}

function userData(spec: MachineSpec, contentOf: Content): string {
  const config = {
    hostname: spec.name,
    fqdn: spec.name,
    preserve_hostname: false,
    manage_etc_hosts: false,
    // The key of an SSH server only of the kind that is made in no time.
    ssh_genkeytypes: ['ed25519'],
    ssh: { emit_keys_to_console: false },
    no_ssh_fingerprints: true,
    apt: { preserve_sources_list: true },
    package_update: false,
    package_upgrade: false,
    // Runs before the files are written; what it starts waits for them.
    bootcmd: [['sh', '-c', nodeUnit(seedFolder)]],
    write_files: spec.seed.map((file) => ({
      path: pathOf(file),
      permissions: `0${file.mode.toString(8)}`,
      owner: 'root:root',
      ...contentOf(file.content),
    })),
  }
  return `#cloud-config\n${toYaml(config)}`
}

function pathOf({ path }: SeedFile): string {
  if (path === '' || path.split('/').some((part) => part === '' || part === '.' || part === '..')) {
    throw new CausewayError(
      'InvalidRequest',
      `a seed file's path must stay below ${seedFolder}: ${JSON.stringify(path)}`,
    )
  }
  return `${seedFolder}/${path}`
}

function network(nic: Nic): unknown {
  const { ipv6, resolver } = nic
  return {
    version: 2,
    ethernets: {
      eth0: {
        match: { macaddress: nic.mac },
        'set-name': 'eth0',
        mtu: nic.mtu,
        dhcp4: false,
        dhcp6: false,
        'accept-ra': false,
        addresses: [nic.address, ...(ipv6 ? [ipv6.address] : [])],
        routes: [{ to: '0.0.0.0/0', via: nic.router }, ...(ipv6 ? [{ to: '::/0', via: ipv6.router }] : [])],
        ...(resolver ? { nameservers: { addresses: [resolver.server], search: [resolver.zone] } } : {}),
      },
    },
  }
}

/**
 * YAML in which every text is in quotes or a block, so that nothing is taken for a number or a date, and maps below a list's items or
 * deeper are one line each.
 */
function toYaml(value: unknown): string {
  const document = new Document(value)
  visit(document, {
    Scalar(key, node) {
      if (key !== 'key' && typeof node.value === 'string' && node.value.includes('\n')) node.type = 'BLOCK_LITERAL'
    },
    Collection(_, node, path) {
      if (path.length > 3 && !/\n/.test(Object.values(node.toJSON() as object).join(''))) node.flow = true
    },
  })
  return document.toString({
    lineWidth: 0,
    defaultStringType: 'QUOTE_DOUBLE',
    defaultKeyType: 'PLAIN',
    flowCollectionPadding: false,
  })
}
