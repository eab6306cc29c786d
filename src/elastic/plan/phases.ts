import type { Phase } from '../../store/node-record.ts'

/** The phases in which a machine is on its way to the queue, in order. */
const growingPhases = ['planned', 'creating', 'booting', 'installing', 'enrolling'] as const

/** Whether the node counts as (future) capacity of its site. */
export function isCapacity(phase: Phase): boolean {
  return phase === 'ready' || (growingPhases as readonly Phase[]).includes(phase)
}
