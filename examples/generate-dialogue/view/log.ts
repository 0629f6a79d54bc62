import { styleText } from 'node:util'
import type { Logger } from 'generation-jobs'
import { type DestinationStream, pino } from 'pino'

/** The library's log lines as JSON, one by one. */
export function createJsonLogger(write: (line: string) => void): Logger {
  const destination: DestinationStream = { write: (line) => write(line.trimEnd()) }
  return pino({ base: null }, destination)
}

/** Fields that the message says already, or that are of no use to somebody at a terminal. */
const LEFT_OUT = new Set(['job_id', 'timestamp', 'requested_at', 'settled_at', 'duration_s', 'step', 'status', 'by'])
/** Lines of a normal course: the steps on the screen say the same. */
const QUIET = new Set(['job.registered', 'job.started', 'job.cancel_requested'])

/** The same lines for a person: time, message, then the fields that the message does not say. */
export function createTidyLogger(write: (line: string) => void): Logger {
  const print = (fields: object, message: string) => {
    const entries = Object.entries(fields)
    if (entries.some(([key, value]) => key === 'event' && QUIET.has(String(value)))) return
    const rest = entries
      .filter(([key, value]) => !LEFT_OUT.has(key) && value !== undefined && value !== null)
      .map(([key, value]) => `${key}=${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
    const time = new Date().toTimeString().slice(0, 8)
    write(styleText('dim', [time, message, ...rest].join(' ')))
  }
  return { debug() {}, info: print, warn: print, error: print }
}
