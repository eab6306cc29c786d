import { reasonPrefix } from '../../../elastic/plan/reason-prefix.ts'

/**
 * What makes a hold ours, in the job's admin comment: only Slurm's administrators can write that. The reason follows; what
 * somebody else has written stays in front.
 */
export const holdMark = `${reasonPrefix}hold:`
