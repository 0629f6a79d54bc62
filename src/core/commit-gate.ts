import type { Awaitable } from './awaitable.js'
import { isThenable } from './awaitable.js'
import { boundedWait, TIMED_OUT } from './bounded-wait.js'
import { CommitError, InvalidOptionsError, kindOf, StoreError } from './errors.js'
import type { ClaimAnswer } from './job-store.js'
import type { TimeLimits } from './time-limits.js'

/** Proof of ownership for `save`. The signal aborts at the commit limit or when the lease is lost, and on nothing else. */
export interface CommitFence {
  readonly jobId: string
  readonly fencingToken: number
  readonly signal: AbortSignal
}

/** What the gate needs from its run, in the order of the calls. */
export interface CommitHost {
  readonly jobId: string
  readonly fencingToken: number
  readonly limits: TimeLimits
  readonly commitTimeoutMs: number
  readonly storeTimeoutMs: number
  /** @throws when the run was cancelled, failed or ended */
  assertOpen(): void
  /** @throws {JobCancelledError} when a cancel was recorded */
  assertNotCancelled(): void
  /** Sends what the producer emitted before; nothing to wait for with a store that answers at once. */
  flush(): Promise<void> | undefined
  /** Asks the store for `running` → `committing`. */
  claim(): Awaitable<ClaimAnswer>
  /** The claim is won: from here on a cancel is too late. */
  onClaimed(): void
  /** The claim is lost to a cancel or another owner. Answers the error to throw; `onClosed` follows. */
  onLost(answer: Exclude<ClaimAnswer, { answer: 'claimed' }>): unknown
  /** The commit was given up without a save. */
  onClosed(): void
  /** `save` resolved in time. */
  onSaved(): void
  /** The commit did not go through, or nobody can tell. */
  onFailed(error: CommitError): void
  /** `save` answered after its limit. */
  onLate(result: 'resolved' | 'rejected'): void
}

/**
 * The point of no return. `save` is called at most once, and only after the store has proved that the job is still ours and
 * not cancelled; with a store that answers at once there is no `await` between that proof and the call.
 */
export class CommitGate {
  readonly #host: CommitHost
  #phase: 'open' | 'claiming' | 'saving' | 'closed' = 'open'
  readonly #fence: Fence
  readonly #undecided: (() => void)[] = []

  constructor(host: CommitHost) {
    this.#host = host
    this.#fence = new Fence(host.jobId, host.fencingToken)
  }

  /** A claim or a save is under way; the run must wait for its end, which is bounded. */
  get isBusy(): boolean {
    return this.#phase === 'claiming' || this.#phase === 'saving'
  }

  get isClaiming(): boolean {
    return this.#phase === 'claiming'
  }

  get isSaving(): boolean {
    return this.#phase === 'saving'
  }

  /** Resolves when a claim under way is won, lost or given up. */
  decided(): Promise<void> {
    return new Promise((resolve) => {
      if (this.isClaiming) this.#undecided.push(resolve)
      else resolve()
    })
  }

  /**
   * @throws {CommitError} `commit.unproved`, `commit.failed` or `commit.unknown`
   * @throws {JobCancelledError} when a cancel was recorded first
   */
  async commit<V>(save: (fence: CommitFence) => Awaitable<V>): Promise<V> {
    const host = this.#host
    if (typeof save !== 'function')
      throw new InvalidOptionsError(`run.commit: expected a function, got ${kindOf(save)}.`)
    if (this.#phase !== 'open') {
      throw new InvalidOptionsError(
        'run.commit: expected one call per job, got a second; register another job for another result.',
      )
    }
    host.assertOpen()
    this.#phase = 'claiming'
    let answer: ClaimAnswer
    try {
      const flushed = host.flush()
      if (flushed !== undefined) {
        if ((await boundedWait(flushed, host.storeTimeoutMs, host.limits)) === TIMED_OUT)
          throw new StoreError('append', 'gave no answer in time')
        host.assertNotCancelled()
      }
      const asked = host.claim()
      answer = isThenable(asked) ? await asked : asked
    } catch (cause) {
      if (!(cause instanceof StoreError)) throw this.#lost(cause)
      throw this.#failed(
        new CommitError('commit.unproved', 'Ownership of the job could not be proved in time; save was not called.', {
          cause,
        }),
      )
    }
    if (answer.answer !== 'claimed') throw this.#lost(host.onLost(answer))
    this.#decide('saving')
    host.onClaimed()
    return this.#save(save)
  }

  /** The lease is lost while `save` runs: tell it, so that it can give up. */
  loseLease(): void {
    this.#fence.abort(new DOMException('The lease of the job is lost.', 'AbortError'))
  }

  async #save<V>(save: (fence: CommitFence) => Awaitable<V>): Promise<V> {
    const { commitTimeoutMs, limits } = this.#host
    const saving = new Promise<V>((resolve) => resolve(save(this.#fence)))
    let saved: V | typeof TIMED_OUT
    try {
      saved = await boundedWait(saving, commitTimeoutMs, limits, { holdsProcess: true })
    } catch (cause) {
      throw this.#failed(
        new CommitError('commit.failed', 'save threw; the result may or may not be stored.', { cause }),
      )
    }
    if (saved === TIMED_OUT) {
      this.#fence.abort(new DOMException('The time for the commit is over.', 'TimeoutError'))
      saving.then(
        () => this.#host.onLate('resolved'),
        () => this.#host.onLate('rejected'),
      )
      throw this.#failed(
        new CommitError(
          'commit.unknown',
          `save gave no answer within ${commitTimeoutMs} ms; the result may be stored.`,
        ),
      )
    }
    this.#phase = 'closed'
    this.#host.onSaved()
    return saved
  }

  #decide(phase: 'saving' | 'closed'): void {
    this.#phase = phase
    for (const resolve of this.#undecided.splice(0)) resolve()
  }

  #lost(error: unknown): unknown {
    this.#decide('closed')
    this.#host.onClosed()
    return error
  }

  #failed(error: CommitError): CommitError {
    this.#decide('closed')
    this.#host.onFailed(error)
    return error
  }
}

/** A fence whose signal is made only for the `save` that reads it. */
class Fence implements CommitFence {
  readonly jobId: string
  readonly fencingToken: number
  #controller: AbortController | undefined
  #abortedWith: DOMException | undefined

  constructor(jobId: string, fencingToken: number) {
    this.jobId = jobId
    this.fencingToken = fencingToken
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#abortedWith) this.#controller.abort(this.#abortedWith)
    return this.#controller.signal
  }

  abort(error: DOMException): void {
    this.#abortedWith ??= error
    this.#controller?.abort(error)
  }
}
