import { type GenerationJobManager, isGenerationJobError, type JobEvent } from 'generation-jobs'

/** An event without what it carries. */
export interface EventTime {
  readonly seq: number
  /** Epoch milliseconds. */
  readonly at: number
  readonly type: JobEvent['type']
  readonly step?: string
  /** Of a chunk's text, UTF-16 units. */
  readonly length?: number
}

const PAGE_SIZE = 1_000
/** A log that is shorter than its record says is not waited for any longer, ms. */
const READ_LIMIT_MS = 1_000
/** What is no id, was swept, or has a log that is no longer kept. */
const NOT_THERE: readonly string[] = ['options.invalid', 'job.not-found', 'cursor.expired']

/** `GET {base}/jobs/{id}/events?after=0`: up to 1,000 events that are there now; `undefined` for a job that is not. */
export async function eventTimes(
  manager: GenerationJobManager,
  encodedId: string,
  parameters: URLSearchParams,
): Promise<{ events: EventTime[]; next: number } | undefined> {
  try {
    const jobId = decodeURIComponent(encodedId)
    const job = await manager.get(jobId)
    if (!job) return undefined
    const after = Math.max(0, Math.trunc(Number(parameters.get('after')) || 0))
    const last = Math.min(job.lastSeq, after + PAGE_SIZE)
    const events: EventTime[] = []
    if (after < last) {
      for await (const event of manager.events(jobId, { after, signal: AbortSignal.timeout(READ_LIMIT_MS) })) {
        events.push(timeOf(event))
        if (event.seq >= last) break
      }
    }
    return { events, next: events.at(-1)?.seq ?? after }
  } catch (error) {
    if (error instanceof URIError || (isGenerationJobError(error) && NOT_THERE.includes(error.code))) return undefined
    throw error
  }
}

function timeOf(event: JobEvent): EventTime {
  const { seq, at, type } = event
  if (event.type === 'step') return { seq, at, type, step: event.step }
  if (event.type === 'chunk') return { seq, at, type, length: event.content.length }
  return { seq, at, type }
}
