import { schedulerContract } from './scheduler-contract.ts'
import { SgeRig } from './scheduler-sge-rig.ts'

schedulerContract('a real sge_qmaster', 'causeway', () => SgeRig.open('sgeport'))
