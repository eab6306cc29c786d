import { Command } from 'commander'
import { driverCheckCommand } from './driver-check.ts'

/** `causeway driver`: for those who write a driver. */
export function driverCommand(): Command {
  return new Command('driver').description('help with driver programs').addCommand(driverCheckCommand())
}
