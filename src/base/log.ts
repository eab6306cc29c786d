import { type Logger as PinoLogger, pino } from 'pino'

/** Structured log, one JSON object a line on stderr: `log.info({ node, site }, 'node is ready')`. */
export type Logger = Pick<PinoLogger, 'debug' | 'info' | 'warn' | 'error'>

/** A logger for a program; `level` as in pino (`debug`, `info`, `warn`, `error`, `silent`). */
export function createLogger(name: string, level = 'info'): PinoLogger {
  return pino({ name, level, base: { name } }, pino.destination({ dest: 2, sync: true }))
}

/** Says nothing; for tests and for tools that only print their answer. */
export const silentLog: Logger = pino({ level: 'silent' })
