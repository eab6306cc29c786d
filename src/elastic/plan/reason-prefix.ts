/** Every reason that Causeway writes into a scheduler starts so; what does not is somebody else's and is left alone. */
export const reasonPrefix = 'causeway:'
