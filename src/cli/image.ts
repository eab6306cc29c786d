import { Command } from 'commander'
import { imageAddCommand, imageBuildCommand } from './image-build.ts'
import { imageGcCommand } from './image-gc.ts'
import { imageListCommand, imageShowCommand } from './image-list.ts'
import { imagePushCommand } from './image-push.ts'

/** `causeway image`: the images of virtual machines. */
export function imageCommand(): Command {
  const command = new Command('image').description('make images of virtual machines, and bring them to the sites')
  const parts = [
    imageBuildCommand,
    imageAddCommand,
    imageListCommand,
    imageShowCommand,
    imagePushCommand,
    imageGcCommand,
  ]
  for (const part of parts) command.addCommand(part())
  return command
}
