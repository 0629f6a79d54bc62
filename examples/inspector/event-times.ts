import { type GenerationJobManager, isGenerationJobError, type JobEvent } from 'generation-jobs'
import { isGone, readLog } from './log-read.ts'

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
    const lastSeq = Math.min(job.lastSeq, after + PAGE_SIZE)
    const events: EventTime[] = []
    for await (const event of readLog(manager, jobId, { after, lastSeq })) events.push(timeOf(event))
    return { events, next: events.at(-1)?.seq ?? after }
  } catch (error) {
    if (error instanceof URIError || isGone(error) || isNoId(error)) return undefined
    throw error
  }
}

function isNoId(error: unknown): boolean {
  return isGenerationJobError(error) && error.code === 'options.invalid'
}

function timeOf(event: JobEvent): EventTime {
  const { seq, at, type } = event
  if (event.type === 'step') return { seq, at, type, step: event.step }
  if (event.type === 'chunk') return { seq, at, type, length: event.content.length }
  return { seq, at, type }
}
