import type { Phase } from '../../store/node-record.ts'

/** The phases in which a machine is on its way to the queue, in order. */
export const growingPhases: ReadonlySet<Phase> = new Set(['planned', 'creating', 'booting', 'installing', 'enrolling'])

/** Whether the node counts as (future) capacity of its type. */
export function isCapacity(phase: Phase): boolean {
  return phase === 'ready' || growingPhases.has(phase)
}
