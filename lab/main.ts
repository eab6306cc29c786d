import { spawn } from 'node:child_process'
import { Command, Option } from 'commander'
import { alice } from './accounts.ts'
import { cleanUp, leftovers } from './clean-up.ts'
import {
  type LabMachines,
  type LabOverlay,
  type LabScheduler,
  labMachines,
  labSchedulers,
  siteNames,
  usualSites,
} from './config.ts'
import { Lab } from './lab.ts'
import { type HostName, hostNames } from './network.ts'
import { crashedLabs, refuseIfOwned } from './owner.ts'

const program = new Command('lab').description('the multi-site test bed on this machine').enablePositionalOptions()
const named = (command: Command) => command.option('--name <NAME>', 'the lab', 'demo')
type Named = { readonly name: string }
type Switches = Partial<Record<'controller' | 'south' | 'evpn' | 'encrypt' | 'services' | 'ipv6', true>>
type UpOptions = Switches & { caches: boolean; scheduler: LabScheduler; machines: LabMachines }

function overlayOf({ evpn, encrypt, services, ipv6 }: Switches): LabOverlay {
  return {
    ...(evpn ? { mode: 'evpn' } : {}),
    ...(encrypt ? { encryption: { kind: 'wireguard' } } : {}),
    ...(services ? { services: {} } : {}),
    ...(ipv6 ? { subnet6: 'fd00:77::/64' } : {}),
  }
}

named(program.command('up').description('bring a lab up and leave it'))
  .option('--controller', 'start the controller too')
  .option('--no-caches', 'start no package caches')
  .addOption(new Option('--scheduler <KIND>', 'what runs on the head').choices(labSchedulers).default('slurm'))
  .addOption(new Option('--machines <KIND>', "what the sites' machines are").choices(labMachines).default('namespace'))
  .option('--south', 'a third site')
  .option('--evpn', 'gateways exchange their entries by BGP EVPN')
  .option('--encrypt', 'WireGuard under the VXLAN')
  .option('--services', 'DHCP and DNS on every gateway')
  .option('--ipv6', 'members have IPv6 addresses too')
  .action(async (options: Named & UpOptions) => {
    const { name, controller, caches, scheduler, machines } = options
    const sites = options.south ? siteNames : usualSites
    const lab = await Lab.up({ name, caches, scheduler, machines, sites, overlay: overlayOf(options) })
    if (controller) await lab.startController()
    lab.leave()
    console.log(`The lab "${name}" is up. Look around: node lab/main.ts shell head --name ${name}`)
  })

named(program.command('down').description('remove whatever there is of a lab'))
  .option('--crashed', 'instead: of every lab whose process has ended without taking it down')
  .action(async ({ name, crashed }: Named & { crashed?: true }) => {
    for (const lab of crashed ? crashedLabs() : [name]) {
      refuseIfOwned(lab)
      await cleanUp(lab)
    }
  })

named(program.command('status').description('list what there is of a lab; status 1 when there is nothing')).action(
  async ({ name }: Named) => {
    const found = await leftovers(name)
    for (const line of found) console.log(line)
    if (found.length === 0) {
      console.log(`There is no lab "${name}".`)
      process.exitCode = 1
    }
  },
)

named(program.command('shell').description(`a shell, or COMMAND, on a host: ${hostNames.join(', ')}`))
  .argument('<HOST>')
  .argument('[COMMAND...]')
  .option('--alice', 'as the normal user')
  .passThroughOptions()
  .action(async (host: string, command: string[], options: Named & { alice?: true }) => {
    const lab = await Lab.open(options.name)
    if (!lab.hostNames.includes(host as HostName)) throw new Error(`there is no host "${host}"`)
    const words = command[0] === '--' ? command.slice(1) : command
    const { argv, env } = lab.hosts[host as HostName].interactive(
      words.length === 0 ? ['bash'] : words,
      options.alice ? alice.name : undefined,
    )
    const [file = '', ...rest] = argv
    spawn(file, rest, { stdio: 'inherit', env, cwd: '/' }).once('exit', (code) => {
      process.exitCode = code ?? 1
    })
  })

await program.parseAsync().catch((error: Error) => {
  console.error(error.message)
  process.exitCode = 1
})
