import { Command } from 'commander'
import { siteAddCommand } from './site-add.ts'
import { siteAddHostCommand } from './site-add-host.ts'
import { siteCheckCommand } from './site-check.ts'
import { siteDrainCommand, siteUndrainCommand } from './site-drain.ts'
import { siteListCommand } from './site-list.ts'
import { siteRemoveCommand } from './site-remove.ts'
import { siteRenewCommand } from './site-renew.ts'

/** `causeway site`: what admins do with sites. */
export function siteCommand(): Command {
  return new Command('site')
    .description('look at the sites and what runs there, take them out of use and back')
    .addCommand(siteListCommand())
    .addCommand(siteCheckCommand())
    .addCommand(siteAddCommand())
    .addCommand(siteAddHostCommand())
    .addCommand(siteDrainCommand())
    .addCommand(siteUndrainCommand())
    .addCommand(siteRemoveCommand())
    .addCommand(siteRenewCommand())
}
