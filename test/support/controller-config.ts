import type { ControllerConfig } from '../../src/config/controller-schema.ts'
import { ControllerConfigSchema } from '../../src/config/controller-schema.ts'
import { parseYaml } from '../../src/config/yaml.ts'

/** What a configuration says differently, in YAML. */
interface Parts {
  /** The driver of `east`. */
  readonly driver?: string
  /** The nodes of `east` and their addresses: keys of the site. */
  readonly nodes?: string
  /** Further keys of `controller`, in one line. */
  readonly controller?: string
  /** Further parts of the configuration. */
  readonly more?: string
}

/** The text of a configuration with one site, `east`, that may have two nodes. */
export function configText({
  driver = '{ kind: namespace, image: /images/base }',
  nodes = 'nodes: { maximum: 2, cpus: 2, memory: 1500MiB }\n    pool: 10.77.1.0/24',
  controller = '',
  more = '',
}: Parts = {}): string {
  return `
cluster: { name: lab, vni: 77, subnet: 10.77.0.0/16 }
head: { name: head, address: 10.77.0.1, underlay: 10.250.0.2 }
scheduler: { kind: slurm }
controller: { listen: 10.77.0.1:8470${controller && `, ${controller}`} }
sites:
  east:
    ${nodes}
    gateway:
      underlay: 10.250.1.2
      address: 10.77.1.254
      ssh: { address: 10.250.1.2, keyFile: /etc/causeway/id_ed25519, hostKey: ssh-ed25519 AAAA }
    driver: ${driver}
${more}`
}

/** That configuration; everything that it does not say by default. */
export function someConfig(): ControllerConfig {
  return parseYaml(configText(), 'causeway.yaml', ControllerConfigSchema)
}
