import { schedulerContract } from './scheduler-contract.ts'
import { FakeTorqueRig, reachDirectly } from './scheduler-torque-rig.ts'

schedulerContract('Torque, as the fake plays it', 'causeway', () => FakeTorqueRig.open(reachDirectly), {
  confines: true,
})
