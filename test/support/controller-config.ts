import type { ControllerConfig } from '../../src/config/controller-schema.ts'
import { ControllerConfigSchema } from '../../src/config/controller-schema.ts'
import { parseYaml } from '../../src/config/yaml.ts'

/** A configuration with one site, `east`, that may have two nodes; everything else by default. */
export function someConfig(): ControllerConfig {
  const text = `
cluster: { name: lab, vni: 77, subnet: 10.77.0.0/16 }
head: { name: head, address: 10.77.0.1, underlay: 10.250.0.2 }
scheduler: { kind: slurm }
controller: { listen: 10.77.0.1:8470 }
sites:
  east:
    nodes: { maximum: 2, cpus: 2, memory: 1500MiB }
    pool: 10.77.1.0/24
    gateway:
      underlay: 10.250.1.2
      address: 10.77.1.254
      ssh: { address: 10.250.1.2, keyFile: /etc/causeway/id_ed25519, hostKey: ssh-ed25519 AAAA }
    driver: { kind: namespace, image: /images/base }
`
  return parseYaml(text, 'causeway.yaml', ControllerConfigSchema)
}
