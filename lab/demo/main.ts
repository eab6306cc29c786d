import { Command } from 'commander'
import { Lab } from '../lab.ts'
import { brokenDemo, type DemoReport, runDemo } from './run.ts'
import { showReport } from './show.ts'

const options = new Command('demo')
  .description("grow a real cluster over an emulated WAN by a normal user's sbatch, run the jobs, shrink to nothing")
  .option('--json', 'print the result as one JSON object on stdout; progress goes to stderr')
  .option('--keep', 'leave the lab up and say how to look around')
  .option('--name <name>', 'the name of the lab', 'demo')
  .parse()
  .opts<{ json?: boolean; keep?: boolean; name: string }>()

const began = performance.now()
const elapsed = () => (performance.now() - began) / 1000
const say = (line: string) => process.stderr.write(`${elapsed().toFixed(1).padStart(6)} s  ${line}\n`)

// Ctrl-C must not leave half a lab: the process ends by its own clean-up.
let interrupted = false
const lab = await Lab.up({ name: options.name })
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    interrupted = true
    void lab.down().finally(() => process.exit(130))
  })
}
say('the lab is up: head and east beside each other, west and the package mirror behind WAN lines')
const found = await runDemo(lab, say).catch((thrown: unknown) => brokenDemo(thrown))
if (!interrupted) {
  if (!found.ok) say(`the controller's last words:\n${lab.head.read('/var/log/causeway/controller.log').slice(-4000)}`)
  let leftovers: string[] = []
  if (options.keep) lab.leave()
  else {
    await lab.controller?.kill('SIGTERM')
    await lab.down()
    leftovers = await lab.leftovers()
  }
  const report: DemoReport = {
    ...found,
    ok: found.ok && leftovers.length === 0,
    seconds: elapsed(),
    leftovers,
  }
  process.stdout.write(`${options.json ? JSON.stringify(report, null, 2) : showReport(report)}\n`)
  if (options.keep) {
    const named = options.name === 'demo' ? '' : ` --name ${options.name}`
    say(`the lab is still up. Log in as alice on the head:  scripts/lab shell${named} --alice head`)
    say(`as root on the head (try "causeway status"):       scripts/lab shell${named} head`)
    say(`and to take it all down:                           scripts/lab down${named}`)
  }
  process.exitCode = report.ok ? 0 : 1
}
