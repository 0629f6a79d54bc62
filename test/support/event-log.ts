import type { GenerationJobManager, JobEvent } from 'generation-jobs'

/** The whole log of a job. A live one is read to its end, so call it after the settle. */
export async function eventLog(manager: GenerationJobManager, jobId: string): Promise<JobEvent[]> {
  const events: JobEvent[] = []
  for await (const event of manager.events(jobId)) events.push(event)
  return events
}

/** The texts of the chunks, in order. */
export function chunksOf(events: readonly JobEvent[]): string[] {
  return events.flatMap((event) => (event.type === 'chunk' ? [event.content] : []))
}

/** The events by name: `step:Generating`, `chunk`, `cancelling`, ... */
export function shapeOf(events: readonly JobEvent[]): string[] {
  return events.map((event) => (event.type === 'step' ? `step:${event.step}` : event.type))
}
