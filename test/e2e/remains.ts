import { must } from '../../lab/demo/must.ts'
import type { Lab } from '../../lab/lab.ts'

// A host that never had a machine has no folder of them either.
const findFiles = ['find', '/var/lib/causeway', '-path', '*/machines/*', '-type', 'f', '!', '-path', '*/.locks/*']

/** What is left at the hosts of virtual machines: processes, ports, domains, files. */
export async function remains(lab: Lab): Promise<string[]> {
  const withMachines = lab.hostNames.filter((host) => host !== 'head' && host !== 'mirror')
  const found = await Promise.all(
    withMachines.map(async (host) => {
      const run = async (...argv: string[]) => (await must(lab.hosts[host].exec(argv))).split('\n').filter(Boolean)
      const links = await run('ip', '-o', 'link', 'show')
      const files = await run(...findFiles)
      return [
        ...(await run('ps', '-eo', 'args=')).filter((line) => line.includes('qemu-system')),
        ...links.filter((line) => line.includes('cwp')),
        ...(await run('virsh', 'list', '--all', '--name')),
        ...files,
      ].map((line) => `${host}: ${line}`)
    }),
  )
  return found.flat()
}
