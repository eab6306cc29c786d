import { basename } from 'node:path'

/**
 * The name of this test file's lab. Files run beside each other, so each has its own; and always the same, so that a run finds
 * what one that crashed has left.
 */
export const labName = basename(process.argv[1] ?? '')
  .replace(/\.test\.ts$/, '')
  .replaceAll(/[^a-z0-9]/g, '')
  .slice(0, 12)
