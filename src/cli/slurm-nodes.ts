import { Command } from 'commander'
import { loadControllerConfig } from '../config/controller-config.ts'
import { registrations } from '../elastic/registrations.ts'
import { renderSlurmNodes } from '../hooks/schedulers/slurm/conf.ts'
import { defaultConfigFile } from './config-file.ts'

/** `causeway slurm-nodes`: the include file for slurm.conf that declares all nodes which the sites may have. */
export function slurmNodesCommand(): Command {
  return new Command('slurm-nodes')
    .description('print the include file for slurm.conf that declares the nodes of all sites')
    .option('--config <file>', 'the configuration file', defaultConfigFile())
    .action(async (options: { config: string }) => {
      const config = await loadControllerConfig(options.config)
      process.stdout.write(renderSlurmNodes(registrations(config)))
    })
}
