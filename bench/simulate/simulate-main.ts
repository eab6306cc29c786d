import { join } from 'node:path'
import { loadPolicyFile } from '../../src/config/policy-file.ts'
import { PolicyClock } from '../../src/elastic/policy-clock.ts'
import { policyRules } from '../../src/elastic/policy-rules.ts'
import { siteModels } from '../../src/elastic/policy-simulation.ts'
import { simulate } from '../../src/elastic/simulate/simulate.ts'
import { generators } from '../../src/elastic/simulate/traces/generators.ts'

// Started with --trace-gc: simulates a trace, then prints what it took and what the heap holds in MiB.
const [kind = '', jobs = '', places = ''] = process.argv.slice(2)
const generate = generators.get(kind)
if (!generate) throw new Error(`there is no generator ${kind}`)
const trace = generate({ jobs: Number(jobs), seed: 1, startedAtMs: Date.UTC(2026, 0, 5), maxNodes: 64, load: 1 })
const file = await loadPolicyFile(join(import.meta.dirname, 'policy.yaml'))
const began = performance.now()
const before = process.cpuUsage()
const result = simulate({
  name: 'default',
  policy: new PolicyClock(policyRules(file)),
  trace,
  sites: siteModels(file),
  seed: 1,
  places: places === 'causeway' ? 'causeway' : 'scheduler',
})
const seconds = (performance.now() - began) / 1000
const { user, system } = process.cpuUsage(before)
const cpuSeconds = (user + system) / 1e6
const finished = result.jobs.filter(({ endMs }) => endMs !== null).length
process.stdout.write(`\n${JSON.stringify({ seconds, cpuSeconds, rounds: result.rounds, finished })}\n`)
process.stdout.write(`heap: ${process.memoryUsage().heapUsed / 2 ** 20} MiB\n`)
