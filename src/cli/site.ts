import { Command } from 'commander'

/** `causeway site`: what admins do with sites. */
export function siteCommand(): Command {
  return new Command('site').description('look at the sites and what runs there, take them out of use and back')
}
