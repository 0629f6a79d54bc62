import { type GenerationJobManager, isGenerationJobError, type JobEvent } from 'generation-jobs'

/** A log that is shorter than its record says is not waited for any longer, ms. */
const READ_LIMIT_MS = 1_000
const GONE: readonly string[] = ['job.not-found', 'cursor.expired']

/** The events of a job after a cursor, up to the `lastSeq` of its record. */
export async function* readLog(
  manager: GenerationJobManager,
  jobId: string,
  { after, lastSeq }: { readonly after: number; readonly lastSeq: number },
): AsyncGenerator<JobEvent, void, void> {
  if (after >= lastSeq) return
  for await (const event of manager.events(jobId, { after, signal: AbortSignal.timeout(READ_LIMIT_MS) })) {
    yield event
    if (event.seq >= lastSeq) return
  }
}

/** The job was swept, or its log is no longer kept: it will not be there later either. */
export function isGone(error: unknown): boolean {
  return isGenerationJobError(error) && GONE.includes(error.code)
}
