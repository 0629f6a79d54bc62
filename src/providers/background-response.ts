import { type Deferred, deferred } from '../core/awaitable.js'
import { systemClock } from '../core/system-clock.js'
import type { Clock } from '../protocol/clock.js'
import { toProviderError } from './provider-failure.js'
import type { RequestOptions } from './request-options.js'
import { isTerminal, type ResponseEvent } from './response-events.js'

type Events = AsyncIterable<ResponseEvent>

/** What is called of an `OpenAI` client. */
export interface ResponsesResource {
  create(body: object, options: RequestOptions): PromiseLike<Events>
  retrieve(id: string, query: object, options: RequestOptions): PromiseLike<Events>
  cancel(id: string, options: RequestOptions): PromiseLike<unknown>
}

/** How often a broken stream is taken up again without an event in between. */
const MAX_RESUMES = 4
/** Before the second of these; each further one waits twice as long. */
const RESUME_DELAY_MS = 250
/** A response whose id nobody knows could not be cancelled, and would be billed to its end. */
const IDENTIFY_WAIT_MS = 2_000
/** One remote cancel; together with the wait above less than half of a job's grace period. */
const CANCEL_WAIT_MS = 1_200

/** A response that runs at the provider's whether its stream is read or not. */
export class BackgroundResponse {
  readonly #responses: ResponsesResource
  readonly #body: object
  readonly #clock: Clock
  readonly #identified: Deferred<void> = deferred()
  #id: string | undefined
  /** `sequence_number` of the newest event. */
  #after: number | undefined
  #isOver = false

  constructor(responses: ResponsesResource, body: object, clock: Clock = systemClock) {
    this.#responses = responses
    this.#body = body
    this.#clock = clock
  }

  /** Creates the response and reads it to its end, over as many connections as it takes. */
  async *events(signal: AbortSignal): AsyncGenerator<ResponseEvent, void, void> {
    try {
      let events = this.#responses.create(this.#body, { signal })
      for (let resumes = 0; ; resumes++) {
        const before = this.#after
        let failure: unknown
        try {
          for await (const event of await events) {
            if (!this.#isNew(event)) continue
            this.#note(event)
            yield event
            if (this.#isOver) return
          }
        } catch (error) {
          failure = error
        }
        if (this.#after !== before) resumes = 0
        if (this.#id === undefined || signal.aborted || resumes === MAX_RESUMES || !isBroken(failure)) {
          if (failure === undefined) return
          throw failure
        }
        if (resumes > 0) await this.#pause(RESUME_DELAY_MS * 2 ** (resumes - 1), signal)
        events = this.#responses.retrieve(this.#id, { stream: true, starting_after: this.#after }, { signal })
      }
    } finally {
      this.#identified.resolve()
    }
  }

  /** Resolves when the id is known or cannot come any more, at the latest after a fixed time. */
  identified(): Promise<void> | undefined {
    if (this.#id !== undefined) return undefined
    const clear = this.#clock.setTimer(IDENTIFY_WAIT_MS, () => this.#identified.resolve())
    return this.#identified.promise.then(clear)
  }

  /** Cancels the response where it runs, unless it is over. */
  async cancel(): Promise<void> {
    if (this.#id === undefined || this.#isOver) return
    const controller = new AbortController()
    const clear = this.#clock.setTimer(CANCEL_WAIT_MS, () => controller.abort())
    try {
      await this.#responses.cancel(this.#id, { signal: controller.signal })
    } finally {
      clear()
    }
  }

  #isNew({ sequence_number }: ResponseEvent): boolean {
    return sequence_number === undefined || this.#after === undefined || sequence_number > this.#after
  }

  #note(event: ResponseEvent): void {
    this.#after = event.sequence_number ?? this.#after
    this.#isOver = isTerminal(event)
    if (this.#id !== undefined || event.response?.id === undefined) return
    this.#id = event.response.id
    this.#identified.resolve()
  }

  #pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clear()
        signal.removeEventListener('abort', end)
        resolve()
      }
      const clear = this.#clock.setTimer(ms, end, { unref: true })
      signal.addEventListener('abort', end)
    })
  }
}

/** A connection that ended or broke, also inside an event; not an answer that says no. */
function isBroken(failure: unknown): boolean {
  if (failure === undefined) return true
  const { code } = toProviderError(failure)
  return code === 'provider.unavailable' || code === 'provider.malformed'
}
