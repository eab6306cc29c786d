/** Bytes read from a file and written to a socket at a time: large enough that Node's own work per step doesn't show. */
export const stepBytes = 512 * 1024

const spare: Buffer[] = []

/** A buffer of `stepBytes`, with whatever it held before. */
export function takeBuffer(): Buffer {
  return spare.pop() ?? Buffer.allocUnsafeSlow(stepBytes)
}

/** Gives a buffer back. Only one that nobody reads from or writes to any more. */
export function returnBuffer(buffer: Buffer): void {
  if (spare.length < 32) spare.push(buffer)
}
