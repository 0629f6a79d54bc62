import type { CancelReason } from '../protocol/cancel-reason.js'
import type { ContentEvent, JobEvent } from '../protocol/job-event.js'
import type { CancelToken } from './cancel-token.js'
import { resolveManagerOptions } from './check-options.js'
import { JobNode } from './job-node.js'
import { openMemoryJobStore } from './memory/memory-job-store.js'
import type { OrchestratorOptions } from './options.js'
import type { JobOutcome } from './outcome.js'
import type { Producer } from './producer.js'
import type { Run } from './run.js'
import { systemClock } from './system-clock.js'

/** What a stand-alone generation yields: content, then exactly one end. */
export type GenerationEvent<Result> =
  | ContentEvent
  | { readonly type: 'complete'; readonly result: Result }
  | { readonly type: 'cancelled'; readonly kind: CancelReason['kind'] }
  | { readonly type: 'error'; readonly code: string; readonly message: string }

type Token = CancelToken | AbortSignal | (() => boolean)
type Item<Result> = IteratorResult<GenerationEvent<Result>, void>

/** How often a predicate is looked at while the generation is quiet. */
const PREDICATE_MS = 100
/** A consumer that reads slower than the model writes may fall behind by this much. */
const MAX_LOG_BYTES = 64 * 1024 * 1024

/**
 * One generation on a node of its own, read as a generator. Not a native one: the `return()` of those waits behind a pending
 * `next()` for as long as the model is silent.
 */
export class StandAloneRun<Result> implements AsyncGenerator<GenerationEvent<Result>, void, void> {
  readonly #producer: Producer<Result>
  readonly #options: OrchestratorOptions
  readonly #token: Token | undefined
  #started: Promise<Started<Result>> | undefined
  #isOver = false

  constructor(producer: Producer<Result>, options: OrchestratorOptions, token: Token | undefined) {
    this.#producer = producer
    this.#options = options
    this.#token = token
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<Item<Result>> {
    if (this.#isOver) return { done: true, value: undefined }
    this.#started ??= this.#start()
    const { run, reader, look } = await this.#started
    for (;;) {
      look()
      const { done, value } = await reader.next()
      if (done || this.#isOver) return { done: true, value: undefined }
      look()
      const event = await this.#shown(value, run)
      if (event) return { done: false, value: event }
    }
  }

  async return(): Promise<Item<Result>> {
    this.#isOver = true
    if (this.#started) {
      const { run, reader } = await this.#started
      void reader.return?.()
      void run.requestCancel({ kind: 'signal', message: 'the consumer left', at: this.#clock.now() })
    }
    return { done: true, value: undefined }
  }

  async throw(error: unknown): Promise<Item<Result>> {
    await this.return()
    throw error
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  get #clock() {
    return this.#options.clock ?? systemClock
  }

  /** The event as the consumer sees it; nothing for what it does not see, such as a chunk that was late for a cancel. */
  async #shown(event: JobEvent, run: Run<Result>): Promise<GenerationEvent<Result> | undefined> {
    const { seq, at, ...body } = event
    switch (body.type) {
      case 'complete':
      case 'cancelled':
      case 'error':
        this.#isOver = true
        return endOf(await run.settled)
      case 'cancelling':
        return undefined
      case 'chunk':
        return run.token.isCancelled ? undefined : body
      default:
        return body
    }
  }

  async #start(): Promise<Started<Result>> {
    const { logger, gracePeriodMs = 7_000, commitTimeoutMs } = this.#options
    const clock = this.#clock
    const store = openMemoryJobStore({
      maxRetainedBytes: MAX_LOG_BYTES,
      leaseMs: 6_000,
      clock,
      firstFencingToken: () => 1,
    })
    const node = new JobNode({
      ...resolveManagerOptions({ store, clock, logger, commitTimeoutMs, deadlineMs: false, idleTimeoutMs: false }),
      gracePeriodMs, // nobody waits for a cancel here, so it need not be below a limit for that
      maxLogEvents: Number.POSITIVE_INFINITY,
      maxLogBytes: MAX_LOG_BYTES,
    })
    const { signal, look, unlink } = this.#link()
    const job = await node.register(this.#producer, { signal })
    const { run } = job
    if (!run) throw new Error('unreachable: a job without idempotency key is always a new one')
    const reader = node.read(run.jobId, { after: 0, signal: undefined, viewer: false })[Symbol.asyncIterator]()
    const stopListening = isCancelToken(this.#token)
      ? this.#token.onCancel((reason) => void run.requestCancel({ ...reason })) // keeps the kind
      : () => {}
    run.onSettled(() => {
      unlink()
      stopListening()
      void node.release()
    })
    node.start(job)
    return { run, reader, look }
  }

  /** A foreign signal as it is, and a predicate as a signal that is looked after. */
  #link(): { signal: AbortSignal | undefined; look: () => void; unlink: () => void } {
    const token = this.#token
    if (typeof token !== 'function') {
      return { signal: isCancelToken(token) ? undefined : token, look: () => {}, unlink: () => {} }
    }
    const controller = new AbortController()
    const look = (): void => {
      try {
        if (token()) controller.abort()
      } catch (error) {
        controller.abort(error) // a predicate that fails cannot be asked again
      }
    }
    let clear = (): void => {}
    const arm = (): void => {
      clear = this.#clock.setTimer(PREDICATE_MS, () => {
        arm()
        look()
      })
    }
    arm()
    return { signal: controller.signal, look, unlink: () => clear() }
  }
}

function isCancelToken(token: Token | undefined): token is CancelToken {
  return typeof token === 'object' && 'onCancel' in token
}

interface Started<Result> {
  readonly run: Run<Result>
  readonly reader: AsyncIterator<JobEvent>
  /** Looks at the predicate. */
  readonly look: () => void
}

function endOf<Result>(outcome: JobOutcome<Result>): GenerationEvent<Result> {
  switch (outcome.status) {
    case 'completed':
      return { type: 'complete', result: outcome.value as Result }
    case 'cancelled':
      return { type: 'cancelled', kind: outcome.reason.kind }
    case 'failed':
      return { type: 'error', code: outcome.error.code, message: outcome.error.message }
  }
}
