import { Command } from 'commander'
import { networkDoctorCommand } from './network-doctor.ts'
import { networkKeysCommand, networkRotateCommand } from './network-keys.ts'
import { networkMeasureCommand } from './network-measure.ts'
import { networkRemoveCommand } from './network-remove.ts'
import { networkShowCommand } from './network-show.ts'

/** `causeway network`: the overlay and the paths between the gateways. */
export function networkCommand(): Command {
  return new Command('network')
    .description('look at the overlay and the paths between the gateways, examine it, take it away')
    .addCommand(networkShowCommand(), { isDefault: true })
    .addCommand(networkMeasureCommand())
    .addCommand(networkDoctorCommand())
    .addCommand(networkKeysCommand())
    .addCommand(networkRotateCommand())
    .addCommand(networkRemoveCommand())
}
