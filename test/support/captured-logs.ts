import type { Logger } from 'generation-jobs'

/** One line as a logger was given it. */
export interface CapturedLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly fields: Readonly<Record<string, unknown>>
  readonly message: string
}

/** A logger that keeps its lines. */
export interface CapturedLogs extends Logger {
  readonly lines: readonly CapturedLine[]
  /** The lines with this `event` field, of one job or of all. */
  of(event: string, jobId?: string): CapturedLine[]
  /** The `event` fields in order, of one job or of all. */
  events(jobId?: string): unknown[]
  clear(): void
}

export function captureLogs(): CapturedLogs {
  const lines: CapturedLine[] = []
  const ofJob = (jobId: string | undefined) =>
    lines.filter(({ fields }) => jobId === undefined || fields.job_id === jobId)
  const write = (level: CapturedLine['level']) => (fields: object, message: string) =>
    void lines.push({ level, fields: { ...fields }, message })
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    lines,
    of: (event, jobId) => ofJob(jobId).filter(({ fields }) => fields.event === event),
    events: (jobId) => ofJob(jobId).map(({ fields }) => fields.event),
    clear: () => void lines.splice(0),
  }
}
