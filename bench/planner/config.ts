import { stringify } from 'yaml'
import { contradictions } from '../../src/config/contradictions.ts'
import { type ControllerConfig, ControllerConfigSchema } from '../../src/config/controller-schema.ts'
import { parseYaml } from '../../src/config/yaml.ts'

/** A configuration of these sites with room for `perSite` nodes each (1000 at most). */
export function configFor(siteNames: readonly string[], perSite: number): ControllerConfig {
  const sites = siteNames.map((name, index) => [
    name,
    {
      nodes: { maximum: perSite, cpus: 2, memory: '2GiB' },
      pool: `10.77.${4 * index + 4}.0/22`,
      gateway: {
        underlay: `10.250.${index + 1}.2`,
        address: `10.77.0.${100 + index}`,
        ssh: { address: `10.250.${index + 1}.2`, keyFile: '/etc/causeway/id', hostKey: 'ssh-ed25519 AAAA' },
      },
      driver: { kind: 'namespace', image: '/images/base' },
    },
  ])
  const text = stringify({
    cluster: { name: 'lab', vni: 77, subnet: '10.77.0.0/16' },
    head: { name: 'head', address: '10.77.0.1', underlay: '10.250.0.2' },
    scheduler: { kind: 'slurm' },
    controller: { listen: '10.77.0.1:8470' },
    sites: Object.fromEntries(sites),
  })
  return parseYaml(text, 'bench.yaml', ControllerConfigSchema, contradictions)
}
