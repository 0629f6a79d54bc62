/** A structured logger; pino, or anything with these four methods. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

const LEVELS = ['debug', 'info', 'warn', 'error'] as const

/** A logger that adds fields to every line and whose failures never reach a job; the first one is reported once. */
export function guardLogger(logger: Logger, fields: object, onFailure: (error: unknown) => void): Logger {
  const guarded = {} as Logger
  for (const level of LEVELS) {
    guarded[level] = (more, message) => {
      try {
        logger[level]({ ...fields, ...more }, message)
      } catch (error) {
        onFailure(error)
      }
    }
  }
  return guarded
}

/** Says nothing. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} }
