import type { ClientMessages } from '../protocol/client-messages.js'
import { GenerationClientError } from './client-error.js'
import { assertKnown, assertOption, type GenerationClientOptions, resolveClientOptions } from './client-options.js'
import { createRun, type GenerationRun } from './generation-run.js'
import { type GenerationState, IDLE } from './generation-state.js'

/** Starts, follows and interrupts one generation at a time. All methods work unbound. */
export interface GenerationClient<Params = unknown, Result = unknown> {
  /** The state now; the same object until something changes. */
  getState(): GenerationState<Result>
  /** Calls `listener` after each change; returns the function that ends it. */
  subscribe(listener: (state: GenerationState<Result>) => void): () => void
  /**
   * Creates a job and follows it. Resolves when its id is known, or the run has ended without one.
   * @throws {GenerationClientError} `client.busy` while a run is live, `client.disposed`
   */
  start(params: Params): Promise<void>
  /**
   * Asks the server to cancel; resolves when the interrupt is over, at most `interruptTimeoutMs` later. Does nothing when
   * there is nothing to interrupt; a second call joins the first.
   * @throws {GenerationClientError} `client.disposed`
   */
  interrupt(): Promise<void>
  /**
   * Follows a job that exists: after a page reload, or in another tab. `after`: events up to this `seq` are left out, and
   * their text with them. Resolves when the stream is open, or the run has ended.
   * @throws {GenerationClientError} `client.busy` while a run is live, `client.disposed`, `options.invalid`
   */
  attach(jobId: string, options?: { after?: number | undefined }): Promise<void>
  /** Back to idle. A live run is let go: its job goes on, unless its interrupt is under way. */
  reset(): void
  /**
   * Closes everything; the state changes no more. The job goes on, unless its interrupt is under way: a cancel that a person
   * has asked for is still delivered, at most two minutes. Idempotent.
   */
  dispose(): void
  /** The words of the client's `locale`. */
  readonly messages: ClientMessages
}

/**
 * Makes a client for one place on a page: one run at a time.
 * @throws {GenerationClientError} `options.invalid`
 */
export function createGenerationClient<Params = unknown, Result = unknown>(
  options: GenerationClientOptions,
): GenerationClient<Params, Result> {
  const context = resolveClientOptions(options)
  const listeners = new Set<(state: GenerationState<Result>) => void>()
  const untold: GenerationState<Result>[] = []
  let state: GenerationState<Result> = IDLE
  let current: GenerationRun | undefined
  let isDisposed = false

  function show(next: GenerationState<Result>): void {
    if (next === state || isDisposed) return
    state = next
    if (untold.push(next) > 1) return // a listener caused it: it is told after the change before, to everybody
    for (const told of untold) {
      for (const listener of [...listeners]) if (listeners.has(listener)) context.call(listener, told)
    }
    untold.length = 0
  }

  function assertUsable(): void {
    if (isDisposed) throw new GenerationClientError('client.disposed', 'This client was disposed.')
  }

  /** A run that is no longer the current one reaches nothing. */
  function begin(how: (run: GenerationRun) => void): Promise<void> {
    if (current && !current.isOver()) throw new GenerationClientError('client.busy', 'A run of this client is live.')
    const run = createRun<Result>(context, (next) => {
      if (run === current) show(next)
    })
    current = run
    how(run)
    return run.ready
  }

  function letGo(): void {
    current?.detach()
    current = undefined
  }

  return {
    messages: context.words,
    getState: () => state,
    subscribe(listener) {
      if (!isDisposed) listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    async start(params) {
      assertUsable()
      const body = JSON.stringify(params ?? {})
      await begin((run) => run.start(body))
    },
    async interrupt() {
      assertUsable()
      await current?.interrupt()
    },
    async attach(jobId, options = {}) {
      const { after = 0 } = options
      assertUsable()
      assertKnown(options, ['after'])
      assertOption('jobId: a string', jobId, typeof jobId === 'string' && jobId !== '')
      assertOption('after: a seq', after, Number.isSafeInteger(after) && after >= 0)
      await begin((run) => run.attach(jobId, after))
    },
    reset() {
      letGo()
      show(IDLE)
    },
    dispose() {
      letGo()
      isDisposed = true
      listeners.clear()
    },
  }
}
