import type { CancelReason } from '../protocol/cancel-reason.js'
import { CallerCallback } from './caller-context.js'
import { JobCancelledError } from './errors.js'
import { Listeners } from './listeners.js'

/** A cheap synchronous flag with a reason. It never goes back. */
export interface CancelToken {
  readonly isCancelled: boolean
  /** The recorded reason; the same object on every look. */
  readonly reason: CancelReason | undefined
  /** @throws {JobCancelledError} when cancelled */
  throwIfCancelled(): void
  /**
   * Calls `listener` once, in the tick of the cancel, or at once if that was before. Returns its removal.
   * What the listener throws is logged and stops nobody.
   */
  onCancel(listener: (reason: CancelReason) => void): () => void
}

/** The token of one run, and the hand that cancels it. */
export class RunToken implements CancelToken {
  readonly #jobId: string
  readonly #onListenerError: (error: unknown) => void
  #reason: CancelReason | undefined
  #error: JobCancelledError | undefined
  #controller: AbortController | undefined
  #abort: CallerCallback<unknown> | undefined
  #listeners: Listeners<CallerCallback<CancelReason>> | undefined

  constructor(jobId: string, onListenerError: (error: unknown) => void) {
    this.#jobId = jobId
    this.#onListenerError = onListenerError
  }

  get isCancelled(): boolean {
    return this.#reason !== undefined
  }

  get reason(): CancelReason | undefined {
    return this.#reason
  }

  /** The one error of this cancel: what `emit` throws and what the signal carries. Only there after the cancel. */
  get error(): JobCancelledError | undefined {
    if (this.#reason) this.#error ??= withoutStack(this.#jobId, this.#reason)
    return this.#error
  }

  /** Made when first read: an AbortController costs more than the rest of a job together. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      const controller = new AbortController()
      this.#controller = controller
      // Abort listeners run in the context of the one who asked for the signal, not of the one who cancels.
      this.#abort = new CallerCallback((error) => controller.abort(error))
      if (this.#reason) controller.abort(this.error)
    }
    return this.#controller.signal
  }

  get listenerCount(): number {
    return this.#listeners?.size ?? 0
  }

  throwIfCancelled(): void {
    const { error } = this
    if (error) throw error
  }

  onCancel(listener: (reason: CancelReason) => void): () => void {
    const reason = this.#reason
    if (reason) {
      this.#call(() => listener(reason))
      return () => {}
    }
    const bound = new CallerCallback(listener)
    this.#listeners ??= new Listeners()
    this.#listeners.add(bound)
    return () => void this.#listeners?.delete(bound)
  }

  /** Records the reason, then tells everybody. The first call wins; answers whether this was it. */
  cancel(reason: CancelReason): boolean {
    if (this.#reason) return false
    this.#reason = reason
    if (this.#abort) this.abortSignal(this.error) // nobody has a signal: the error is made when it is asked for
    this.#listeners?.forEach((listener) => {
      this.#call(() => listener.call(reason))
    })
    this.#listeners = undefined
    return true
  }

  /** Aborts the signal if anybody has one, for an end that is no cancel but no success either. */
  abortSignal(error: unknown): void {
    this.#abort?.call(error)
  }

  /** Forgets the listeners: the run is over and never was cancelled. */
  release(): void {
    this.#listeners = undefined
  }

  #call(listener: () => unknown): void {
    try {
      const result = listener()
      if (result instanceof Promise) result.catch(this.#onListenerError)
    } catch (error) {
      this.#onListenerError(error)
    }
  }
}

/** A stack would show our own cancel, never the cause, and costs more than all the rest of it. */
function withoutStack(jobId: string, reason: CancelReason): JobCancelledError {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  const error = new JobCancelledError(jobId, reason)
  Error.stackTraceLimit = stackTraceLimit
  return error
}
