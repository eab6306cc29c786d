import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { Observation } from '../../src/elastic/plan/observation.ts'
import { plan } from '../../src/elastic/plan/plan.ts'
import type { Policy } from '../../src/elastic/plan/policy.ts'
import { someWorld } from './some-world.ts'
import { now } from './world.ts'

/** Checks a property of every plan for every observation. */
function always(name: string, check: (obs: Observation, policy: Policy) => void): void {
  test(name, () =>
    fc.assert(
      fc.property(someWorld, ({ obs, policy }) => check(obs, policy)),
      { numRuns: 2000 },
    ),
  )
}

always('the same observation gives the same plan, and the observation is left as it was', (obs, policy) => {
  const before = structuredClone(obs)
  assert.deepEqual(plan(obs, policy, now), plan(obs, policy, now))
  assert.deepEqual(obs, before)
})

always('every live node has exactly one step or one reason to wait', (obs, policy) => {
  const made = plan(obs, policy, now)
  for (const { id } of obs.nodes) {
    const steps = made.steps.filter((step) => 'id' in step && step.id === id).length
    assert.equal(steps + (made.waiting.has(id) ? 1 : 0), 1, id)
  }
})

always('every step has a reason in words', (obs, policy) => {
  for (const step of plan(obs, policy, now).steps) assert.ok(step.reason.text.length > 0)
})

always('nothing with an act under way is touched', (obs, policy) => {
  for (const step of plan(obs, policy, now).steps) {
    if ('id' in step) assert.ok(!obs.inFlight.has(step.id))
    if ('machine' in step) assert.ok(!obs.inFlight.has(step.machine))
  }
})

always('no node on which a job runs is drained by idleness or moved on from a drain', (obs, policy) => {
  const busy = new Set(
    obs.queue.ok ? obs.queue.value.nodes.filter((n) => n.busy && n.power === 'present').map((n) => n.name) : [],
  )
  const byId = new Map(obs.nodes.map((n) => [n.id, n]))
  for (const step of plan(obs, policy, now).steps) {
    const departs = ['SiteDrained', 'HostDrained', 'MachineLeaving'].includes(step.reason.code)
    if ((step.kind === 'drain' && !departs) || (step.kind === 'move' && step.to === 'deleting')) {
      assert.ok(!busy.has(byId.get(step.id)?.name ?? ''), JSON.stringify(step))
    }
  }
})

always('at an unread site nothing is deleted as an orphan, nothing is lost, nothing is dismissed', (obs, policy) => {
  for (const step of plan(obs, policy, now).steps) {
    const site = 'site' in step ? step.site : obs.nodes.find((n) => 'id' in step && n.id === step.id)?.site
    if (obs.sites.get(site ?? '')?.ok) continue
    assert.ok(!['collect', 'adopt', 'dismiss'].includes(step.kind))
    if (step.kind === 'fail') assert.notEqual(step.failure.code, 'MachineLost')
  }
})

always('of a dark host nothing is lost, drained, deleted or replaced, whatever the other hosts say', (obs, policy) => {
  const steps = plan(obs, policy, now).steps
  for (const { id, name, site, host, phase } of obs.nodes) {
    const reading = obs.sites.get(site)
    if (!reading?.ok || !reading.unread || reading.value.some((machine) => machine.id === id)) continue
    if (host !== null && !reading.unread.some((dark) => dark.host === host)) continue
    const about = steps.filter((step) => ('id' in step && step.id === id) || ('name' in step && step.name === name))
    const finished = phase === 'ready' || phase === 'draining'
    if (finished) assert.deepEqual(about, [])
    for (const step of about) {
      assert.ok(step.kind !== 'begin' && step.kind !== 'adopt', JSON.stringify(step))
      if (step.kind === 'fail') assert.notEqual(step.failure.code, 'MachineLost')
    }
  }
})

always('nothing begins at a drained site, and what has to go is not kept', (obs, policy) => {
  const isDrained = (site: string) => obs.drains?.some((drain) => drain.site === site && drain.host === null) ?? false
  const sites = new Map(obs.nodes.map(({ id, site }) => [id, site]))
  for (const step of plan(obs, policy, now).steps) {
    if (step.kind === 'begin' || step.kind === 'power-up' || step.kind === 'reopen') assert.ok(!isDrained(step.site))
    if (step.kind !== 'cancel-drain' || step.reason.code !== 'DemandReturned') continue
    assert.ok(!isDrained(sites.get(step.id) ?? ''), JSON.stringify(step))
  }
})

always('from an unread queue nothing begins, shrinks, closes or opens', (obs, policy) => {
  if (obs.queue.ok) return
  for (const step of plan(obs, policy, now).steps) {
    assert.ok(
      !['begin', 'drain', 'cancel-drain', 'close', 'reopen', 'power-up', 'refuse', 'dismiss'].includes(step.kind),
    )
    if (step.kind === 'move') assert.equal(step.to, 'booting')
  }
})

always('no name gets two lives, and no site more than its maximum', (obs, policy) => {
  const steps = plan(obs, policy, now).steps
  const begun = steps.flatMap((step) => (step.kind === 'begin' || step.kind === 'adopt' ? [step.name] : []))
  const all = [...obs.nodes.map((n) => n.name), ...begun]
  assert.equal(new Set(all).size, all.length)
  for (const name of begun) assert.ok(Number(name.slice(5)) <= (name.startsWith('east') ? 2 : 4))
})

always('no machine is collected on which a job may run', (obs, policy) => {
  const alive = new Set(obs.nodes.map((n) => n.name))
  for (const step of plan(obs, policy, now).steps) {
    if (step.kind !== 'collect') continue
    assert.ok(obs.queue.ok)
    const name = step.machine.replace('lost-', '').replace('id-', '')
    assert.ok(alive.has(name) || !obs.queue.value.nodes.some((n) => n.name === name && n.busy))
  }
})

always("an admin's drain is neither closed, reopened nor cancelled", (obs, policy) => {
  const admins = new Set(
    obs.queue.ok
      ? obs.queue.value.nodes
          .filter((n) => (n.drained || n.down) && !n.reason.startsWith('causeway:'))
          .map((n) => n.name)
      : [],
  )
  for (const step of plan(obs, policy, now).steps) {
    if (step.kind === 'close' || step.kind === 'reopen') for (const name of step.names) assert.ok(!admins.has(name))
  }
})
