import { plan } from '../../src/elastic/plan/plan.ts'
import { now, observe, policyFor } from './world.ts'

// Started with --trace-gc: decides a few times, then prints what the heap holds in MiB.
const [jobs, nodes] = process.argv.slice(2).map(Number)
const size = { jobs: jobs ?? 0, nodes: nodes ?? 0 }
const observation = observe(size, 1)
const policy = policyFor(size.nodes)
let steps = 0
for (let round = 0; round < 5; round++) steps += plan(observation, policy, now).steps.length
process.stdout.write(`${steps} steps: ${process.memoryUsage().heapUsed / 2 ** 20} MiB\n`)
