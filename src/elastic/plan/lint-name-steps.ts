import { isDark } from './lint-departures.ts'
import type { Breach } from './lint-findings.ts'
import { machineOf, numberOf, typeOf, type World } from './lint-world.ts'
import type { NameStep } from './steps.ts'

/** How the queue must show the names of a step. */
const powers = {
  begin: 'wanted',
  adopt: 'present',
  'power-up': 'absent',
  refuse: 'wanted',
  dismiss: 'present',
  close: 'absent',
  reopen: 'absent',
} as const

/** Whether the readings show what a step on names or machines takes for given. What was not read says nothing here. */
export function nameFactsMissing(step: NameStep, world: World): Breach {
  if (step.kind === 'collect') return null
  if (step.kind === 'adopt') {
    const machine = machineOf(step.site, step.machine, world)
    if (machine && machine.state !== 'running') return { text: 'the machine does not run' }
    if (machine && machine.name !== step.name) return { text: `the machine is ${machine.name}, not ${step.name}` }
  }
  if (step.kind === 'register') {
    const known = step.names.find((name) => world.queueNodes.has(name))
    return known === undefined ? null : { text: `the queue has a node ${known} already`, facts: { name: known } }
  }
  for (const name of 'names' in step ? step.names : [step.name]) {
    // Where Causeway places the jobs, the queue hears of a node only when its machine is there.
    if (step.kind === 'begin' && world.obs.places === 'causeway') continue
    const power = world.queueNodes.get(name)?.power
    if (power !== undefined && power !== powers[step.kind]) {
      return { text: `the queue shows ${name} as ${power}, not as ${powers[step.kind]}`, facts: { name, power } }
    }
    const life = world.byName.get(name)
    const givenUp = life?.phase === 'deleting' && life.failure
    const reading = world.obs.sites.get(step.site)
    const hidden = givenUp ? isDark(life, world) : reading?.ok && (reading.unread ?? []).length > 0
    if (step.kind === 'dismiss' && hidden) {
      return { text: `a host of ${step.site} that could not be read may have ${name}`, facts: { name } }
    }
    if (step.kind === 'dismiss' && !givenUp && world.machineNames.get(step.site)?.has(name)) {
      return { text: `${step.site} has a machine called ${name}`, facts: { name } }
    }
  }
  return null
}

/** Whether the time of a step on names or machines has come. */
export function nameTooEarly(step: NameStep, world: World): Breach {
  const { obs, policy, now } = world
  if (step.kind === 'collect') {
    const knownMs = now - (obs.orphansSinceMs.get(step.machine) ?? now)
    const graceMs = policy.grace.orphanMs
    return knownMs < graceMs
      ? { text: 'the grace for a strange machine is not over', facts: { knownMs, graceMs } }
      : null
  }
  if (step.kind === 'begin' && obs.places === 'causeway') {
    const goneMs = now - (obs.lastGoneMs?.get(step.name) ?? -Infinity)
    const graceMs = policy.grace.reuseMs
    if (goneMs < graceMs) return { text: `${step.name} was gone a moment ago`, facts: { goneMs, graceMs } }
  }
  if (step.kind !== 'reopen') return null
  const { cooldownMs } = policy.breaker
  for (const name of step.names) {
    const restedMs = now - (obs.lastFailureMs.get(name) ?? -Infinity)
    if (restedMs < cooldownMs)
      return { text: `${name} still rests after its failure`, facts: { name, restedMs, cooldownMs } }
  }
  return null
}

/** Whether every name is one of the step's site, and one that the queue has; and the machine one that the site has. */
export function strangeName(step: NameStep, world: World): Breach {
  if ('machine' in step && world.machines.has(step.site) && !machineOf(step.site, step.machine, world)) {
    return { text: `${step.site} has no machine ${step.machine}` }
  }
  if (step.kind === 'collect') return null
  for (const name of 'names' in step ? step.names : [step.name]) {
    const type = typeOf(step, world)
    if (!type || numberOf(name, type.prefix) === null) {
      return { text: `${name} is no name of ${step.site}`, facts: { name } }
    }
    const mustBeKnown = step.kind !== 'register' && !(step.kind === 'begin' && world.obs.places === 'causeway')
    if (world.obs.queue.ok && mustBeKnown && !world.queueNodes.has(name)) {
      return { text: `the queue has no node ${name}`, facts: { name } }
    }
  }
  return null
}
