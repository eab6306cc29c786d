import type { NodeRecord, Phase } from '../../store/node-record.ts'
import type { Policy } from './policy.ts'
import type { NodeStep } from './steps.ts'

/** What a step on a node is called here: a move carries the phase it leads to. */
type Deed = Exclude<NodeStep['kind'], 'move'> | `move ${Phase}`

/** What a plan may do with a node, by the phase that the node is in. Everything else is illegal. */
const legalDeeds: Readonly<Record<Phase, readonly Deed[]>> = {
  planned: ['create', 'fail'],
  creating: ['create', 'move booting', 'fail'],
  booting: ['move ready', 'fail'],
  installing: ['move ready', 'fail'],
  enrolling: ['move ready', 'fail'],
  // A drain may be left in the queue that nobody wants any more.
  ready: ['drain', 'cancel-drain', 'move deleting', 'fail'],
  draining: ['cancel-drain', 'move deleting', 'fail'],
  failed: ['give-up'],
  deleting: ['remove'],
  gone: [],
}

/** The step in words, with the phase that a move leads to. */
export function deedOf(step: NodeStep): Deed {
  return step.kind === 'move' ? `move ${step.to}` : step.kind
}

/** Whether a node in this phase may have this step. */
export function isLegal(step: NodeStep, phase: Phase): boolean {
  return legalDeeds[phase].includes(deedOf(step))
}

/** The phases in which a node is, or will be, of use to the queue. */
export const usefulPhases: ReadonlySet<Phase> = new Set<Phase>([
  'planned',
  'creating',
  'booting',
  'installing',
  'enrolling',
  'ready',
])

/** The deadline of each phase that has one. */
const deadlines: Readonly<Partial<Record<Phase, keyof Policy['deadlines']>>> = {
  planned: 'createMs',
  creating: 'createMs',
  booting: 'bootMs',
  installing: 'installMs',
  enrolling: 'enrolMs',
}

/** How long a node may stay in its phase before that alone is a failure, ms; Infinity when it may for ever. */
export function deadlineMs({ phase }: NodeRecord, policy: Policy): number {
  const deadline = deadlines[phase]
  return deadline ? policy.deadlines[deadline] : Infinity
}
