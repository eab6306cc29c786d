import { Command } from 'commander'
import { loadControllerConfig } from '../config/controller-config.ts'
import { renderSlurmNodes } from '../hooks/schedulers/slurm-conf.ts'
import { defaultConfigFile } from './config-file.ts'

/** `causeway slurm-nodes`: the include file for slurm.conf that declares all nodes which the sites may have. */
export function slurmNodesCommand(): Command {
  return new Command('slurm-nodes')
    .description('print the include file for slurm.conf that declares the nodes of all sites')
    .option('--config <file>', 'the configuration file', defaultConfigFile())
    .action(async (options: { config: string }) => {
      const config = await loadControllerConfig(options.config)
      const sites = Object.entries(config.sites).map(([name, { order, nodes }]) => ({
        name,
        order,
        maximum: nodes.maximum,
        cpus: nodes.cpus,
        memoryMiB: Math.floor(nodes.memory / 2 ** 20),
      }))
      process.stdout.write(renderSlurmNodes(sites))
    })
}
