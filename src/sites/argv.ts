import { CausewayError } from '../base/errors.ts'

/**
 * Refuses argument vectors that cannot be run faithfully on every host: empty ones, NUL bytes (argv is made of C
 * strings), and a program name with `=`, which `env` would take for an assignment.
 * @throws CausewayError `InvalidRequest`
 */
export function checkArgv(argv: readonly string[]): readonly [string, ...string[]] {
  const [program, ...rest] = argv
  if (program === undefined || program === '' || program.includes('=')) {
    throw new CausewayError('InvalidRequest', `cannot run a program named ${JSON.stringify(program ?? '')}`)
  }
  if (argv.some((argument) => argument.includes('\0'))) {
    throw new CausewayError('InvalidRequest', `an argument of ${program} has a NUL byte`)
  }
  return [program, ...rest]
}

/**
 * The argument vector as words for a POSIX shell, each of which the shell hands on unchanged: inside single quotes
 * only the single quote itself is special (POSIX.1-2017, Shell Command Language, 2.2.2).
 */
export function quoteArgv(argv: readonly string[]): string {
  return argv.map((word) => (/^[\w@%+:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ')
}
