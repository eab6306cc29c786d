import { schedulerContract } from './scheduler-contract.ts'
import { SlurmRig } from './scheduler-slurm-rig.ts'

schedulerContract('a real slurmctld with dynamic nodes', 'causeway', () => SlurmRig.open('slurmdyn', { dynamic: true }))
