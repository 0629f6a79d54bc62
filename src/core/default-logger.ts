import type { Logger } from './logger.js'

/** Lines that wait for pino at most; more at once are a fault that a log does not help with. */
const MAX_WAITING = 10_000

type Write = (logger: Logger) => void

let isLoading = false
let loaded: Logger | undefined
const waiting: Write[] = []

/**
 * The logger of a manager that was given none: pino on stdout. Only fields of ours reach it, never an error object.
 *
 * pino is loaded when it is first needed, because it is half of the time that an import of this package would take (measured: 40
 * of 80 ms). Lines that come before it is there are written in their order; only a `process.exit()` in that moment loses them.
 */
export function createDefaultLogger(): Logger {
  if (!isLoading) void load()
  return {
    debug: (fields, message) => write((logger) => logger.debug(fields, message)),
    info: (fields, message) => write((logger) => logger.info(fields, message)),
    warn: (fields, message) => write((logger) => logger.warn(fields, message)),
    error: (fields, message) => write((logger) => logger.error(fields, message)),
  }
}

function write(line: Write): void {
  if (loaded) line(loaded)
  else if (waiting.length < MAX_WAITING) waiting.push(line)
}

async function load(): Promise<void> {
  isLoading = true
  const { pino } = await import('pino')
  loaded = pino({ name: 'generation-jobs' })
  for (const line of waiting.splice(0)) {
    try {
      line(loaded)
    } catch {
      // A logger that fails disturbs nobody, and there is nowhere else to say so.
    }
  }
}
