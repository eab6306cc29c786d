import { Command } from 'commander'
import { loadControllerConfig } from '../config/controller-config.ts'
import { nodePlaces } from '../config/node-places.ts'
import { renderSlurmNodes } from '../hooks/schedulers/slurm/conf.ts'
import { defaultConfigFile } from './config-file.ts'

/** `causeway slurm-nodes`: the include file for slurm.conf that declares all nodes which the sites may have. */
export function slurmNodesCommand(): Command {
  return new Command('slurm-nodes')
    .description('print the include file for slurm.conf that declares the nodes of all sites')
    .option('--config <file>', 'the configuration file', defaultConfigFile())
    .action(async (options: { config: string }) => {
      const config = await loadControllerConfig(options.config)
      const sites = nodePlaces(config).map(({ site, type, prefix, order, names, settings }) => ({
        name: prefix,
        site,
        order,
        maximum: names,
        cpus: settings.cpus,
        memoryMiB: Math.floor(settings.memory / 2 ** 20),
        features: [`type-${type}`, ...settings.features],
        cost: settings.cost,
      }))
      process.stdout.write(renderSlurmNodes(sites))
    })
}
