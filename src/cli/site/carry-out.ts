import { systemClock } from '../../base/clock.ts'
import { driverOf } from '../drivers.ts'
import { hostOf, withGatewayHosts } from '../gateway-hosts.ts'
import type { Addition } from './add-steps.ts'
import { yesOrNo } from './ask.ts'
import type { ConfigText } from './further-host.ts'
import { type Step, showStep, walk } from './steps.ts'
import { replaceConfig } from './write-config.ts'

/** An addition to a configuration that is about to be made. */
export interface Plan {
  /** The configuration with it. */
  readonly after: ConfigText
  /** The file's text before. */
  readonly before: string
  readonly site: string
  /** What is added, for people: `host h2 of east`. */
  readonly what: string
  /** What of the configuration is new, for people. */
  readonly lines: string
  steps(to: Addition): readonly Step[]
}

/** What both commands that add something can be told about how they go about it. */
export interface Manner {
  readonly config: string
  readonly node?: string
  readonly install?: boolean
  /** How long a test node may take to boot, ms; null: none is made. */
  readonly testMs: number | null
  /** Whether somebody sits at the terminal to be asked. */
  readonly isAsked: boolean
  readonly dryRun?: boolean
  readonly json?: boolean
}

/**
 * Shows what is to be added, has it confirmed where somebody is there, and does it step by step.
 * @throws CausewayError that of the step that failed
 */
export async function carryOut(plan: Plan, manner: Manner): Promise<void> {
  const { config: file } = manner
  const { config, text } = plan.after
  process.stderr.write(`${plan.lines}\n`)
  if (manner.dryRun) return
  if (manner.isAsked && !(await yesOrNo(`Prepare ${plan.what} and add it to ${file}?`))) return
  const report = await withGatewayHosts(config, async (hosts) => {
    const warnings: string[] = []
    const warn = (_facts: unknown, message?: string) => void warnings.push(message ?? '')
    const driver = driverOf(config, plan.site, hosts, { warn })
    try {
      const steps = plan.steps({
        config,
        site: plan.site,
        driver,
        host: (gateway) => hostOf(hosts, gateway),
        warnings: () => warnings,
        install: manner.install === true,
        node: manner.node ?? null,
        testMs: manner.testMs,
        clock: systemClock,
        write: async () => {
          await replaceConfig(file, plan.before, text)
          return `${plan.what} is in ${file}`
        },
      })
      return await walk(steps, systemClock, (step) => process.stderr.write(`${showStep(step)}\n`))
    } finally {
      await driver.close()
    }
  })
  if (manner.json) process.stdout.write(`${JSON.stringify(report.steps, null, 2)}\n`)
  if (report.failure) throw report.failure
  process.stderr.write(
    'Restart the controller: it takes up new sites and hosts when it starts, and disturbs no node by that.\n',
  )
}
