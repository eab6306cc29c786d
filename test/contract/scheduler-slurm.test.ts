import { schedulerContract } from './scheduler-contract.ts'
import { SlurmRig } from './scheduler-slurm-rig.ts'

schedulerContract('a real slurmctld', 'scheduler', () => SlurmRig.open('slurmport'))
