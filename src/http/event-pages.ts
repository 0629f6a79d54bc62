import type { JobEvent } from '../protocol/job-event.js'

const NONE: readonly JobEvent[] = []

/** A manager's reader: hands over at once all that it has read. */
interface PageReader {
  nextPage(): Promise<readonly JobEvent[]>
}

/** Events by the page, where their reader knows pages; else one by one. An empty page is the end. */
export class EventPages {
  readonly #events: AsyncIterator<JobEvent, unknown>

  constructor(events: AsyncIterable<JobEvent>) {
    this.#events = events[Symbol.asyncIterator]() as AsyncIterator<JobEvent, unknown>
  }

  next(): Promise<readonly JobEvent[]> {
    const events = this.#events
    return hasPages(events) ? events.nextPage() : events.next().then(pageOfOne)
  }

  close(): void {
    void this.#events.return?.()?.then(undefined, () => undefined)
  }
}

function hasPages(events: object): events is PageReader {
  return 'nextPage' in events && typeof events.nextPage === 'function'
}

function pageOfOne(result: IteratorResult<JobEvent, unknown>): readonly JobEvent[] {
  return result.done ? NONE : [result.value]
}
