import type { EventsAnswer, JobStore } from 'generation-jobs'

/** A memory store that says how long its logs are, as one on the network does: where its answers come later, it is asked ahead. */
export function tellingItsLog(store: JobStore, eventBytes = 10): JobStore {
  return {
    ...store,
    readEvents(jobId, after, limit) {
      const answer = store.readEvents(jobId, after, limit) as EventsAnswer
      if (answer.answer !== 'events') return answer
      const whole = store.readEvents(jobId, after, Number.POSITIVE_INFINITY) as typeof answer
      const lastSeq = after + whole.events.length
      return { ...answer, log: { lastSeq, eventBytes } }
    },
  }
}
