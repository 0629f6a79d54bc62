import type { JobEvent } from '../protocol/job-event.js'
import { boundedWait, TIMED_OUT } from './bounded-wait.js'
import { InvalidOptionsError, StoreError } from './errors.js'
import type { Awaitable } from './generation-source.js'
import type { JobEnd } from './job-end.js'
import {
  type AppendAnswer,
  type CancelRequest,
  JOB_STORE_METHODS,
  type JobFilter,
  type JobStore,
  type Lease,
  type NewJob,
  type OwnedOperation,
  type StartRequest,
  type ViewerTouch,
} from './job-store.js'
import type { TimeLimits } from './time-limits.js'

/** How often an operation is sent before its limit. Every operation can be repeated, so a lost reply costs time only. */
const ATTEMPTS = 3

const REFUSED = ['fenced', 'gone']
const ANSWERS: Partial<Record<string, readonly string[]>> = {
  create: ['created', 'same-key', 'exists', 'group-busy', 'not-found'],
  start: ['started', 'not-pending', ...REFUSED],
  append: ['accepted', 'gap', 'not-running', 'log-full', ...REFUSED],
  claimCommit: ['claimed', 'lost', ...REFUSED],
  settle: ['settled', 'already-settled', 'refused', ...REFUSED],
  requestCancel: ['accepted', 'joined', 'cancelled', 'too-late', 'already-settled', 'not-found'],
  renewLeases: ['renewed', 'already-settled', ...REFUSED],
  readEvents: ['events', 'expired', 'not-found'],
}

/**
 * A job store whose every call ends in time: a value at once where the store answers a value, else an answer or a
 * {@link StoreError} within `timeoutMs`. Both common Redis clients wait for ever behind a black hole, so nobody may call a store directly.
 */
export class StoreCalls {
  readonly #store: JobStore
  readonly #limits: TimeLimits
  readonly #timeoutMs: number

  /** @throws {InvalidOptionsError} when the store lacks a method */
  constructor(store: JobStore, limits: TimeLimits, timeoutMs: number) {
    const missing = JOB_STORE_METHODS.filter((method) => typeof store?.[method] !== 'function')
    if (missing.length > 0) {
      throw new InvalidOptionsError(
        `store: expected a JobStore, but it lacks ${missing.map((name) => `${name}()`).join(', ')}.`,
      )
    }
    if (!(store.heartbeatMs > 0) || !(store.leaseMs >= 3 * store.heartbeatMs)) {
      throw new InvalidOptionsError(
        `store: expected leaseMs of at least 3 heartbeats, got leaseMs ${store.leaseMs} and heartbeatMs ${store.heartbeatMs}.`,
      )
    }
    this.#store = store
    this.#limits = limits
    this.#timeoutMs = timeoutMs
  }

  get leaseMs(): number {
    return this.#store.leaseMs
  }
  get heartbeatMs(): number {
    return this.#store.heartbeatMs
  }
  create(job: NewJob) {
    return this.#call('create', () => this.#store.create(job))
  }
  start(request: StartRequest) {
    return this.#call('start', () => this.#store.start(request))
  }
  append(jobId: string, fencingToken: number, events: readonly JobEvent[], bytes: number): Awaitable<AppendAnswer> {
    return this.#call('append', () => this.#store.append(jobId, fencingToken, events, bytes))
  }
  claimCommit(operation: OwnedOperation) {
    return this.#call('claimCommit', () => this.#store.claimCommit(operation))
  }
  settle(operation: OwnedOperation & { readonly end: JobEnd }) {
    return this.#call('settle', () => this.#store.settle(operation))
  }
  requestCancel(request: CancelRequest) {
    return this.#call('requestCancel', () => this.#store.requestCancel(request))
  }
  renewLeases(leases: readonly Lease[]) {
    return this.#call('renewLeases', () => this.#store.renewLeases(leases), leases.length)
  }
  touchViewers(touches: readonly ViewerTouch[]) {
    return this.#call('touchViewers', () => this.#store.touchViewers(touches))
  }
  read(jobId: string) {
    return this.#call('read', () => this.#store.read(jobId))
  }
  readEvents(jobId: string, after: number, limit: number) {
    return this.#call('readEvents', () => this.#store.readEvents(jobId, after, limit))
  }
  list(filter: JobFilter) {
    return this.#call('list', () => this.#store.list(filter))
  }
  reap() {
    return this.#call('reap', () => this.#store.reap())
  }
  sweep() {
    return this.#call('sweep', () => this.#store.sweep())
  }

  /** A watch that cannot be set up is a lost hint: whoever watches looks again by a timer. */
  watchJob(jobId: string, wake: () => void): () => void {
    return quietly(() => this.#store.watchJob(jobId, wake))
  }
  watchNode(nodeId: string, wake: (jobId: string) => void): () => void {
    return quietly(() => this.#store.watchNode(nodeId, wake))
  }
  footprint() {
    return this.#store.footprint()
  }

  #call<A>(operation: string, ask: () => Awaitable<A>, count?: number): Awaitable<A> {
    let answer: Awaitable<A>
    try {
      answer = ask()
    } catch (error) {
      return this.#repeat(operation, ask, Promise.reject(error), count)
    }
    return isThenable(answer) ? this.#repeat(operation, ask, answer, count) : checked(operation, answer, count)
  }

  /** Sends the operation again while no answer came; the first answer to any of the attempts counts. */
  async #repeat<A>(operation: string, ask: () => Awaitable<A>, first: Promise<A>, count?: number): Promise<A> {
    let failure: { cause: unknown } | undefined
    let answered!: (answer: A) => void
    const answer = new Promise<A>((resolve) => {
      answered = resolve
    })
    const listen = (attempt: Awaitable<A>) =>
      Promise.resolve(attempt).then(answered, (cause: unknown) => {
        failure = { cause }
      })

    void listen(first)
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const result = await boundedWait(answer, this.#timeoutMs / ATTEMPTS, this.#limits)
      if (result !== TIMED_OUT) return checked(operation, result, count)
      if (attempt < ATTEMPTS) void listen(new Promise<A>((resolve) => resolve(ask())))
    }
    throw failure
      ? new StoreError(operation, 'failed', failure)
      : new StoreError(operation, `gave no answer within ${this.#timeoutMs} ms`)
  }
}

/** Goes on with a store's answer: in this tick if it is a value, else when it comes. */
export function whenAnswered<A, R>(
  ask: () => Awaitable<A>,
  onAnswer: (answer: A) => Awaitable<R>,
  onFailure: (error: unknown) => Awaitable<R>,
): Awaitable<R> {
  let answer: Awaitable<A>
  try {
    answer = ask()
  } catch (error) {
    return onFailure(error)
  }
  return isThenable(answer) ? answer.then(onAnswer, onFailure) : onAnswer(answer)
}

export function isThenable<T>(value: Awaitable<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && typeof (value as Promise<T>).then === 'function'
}

/** A store that answers nonsense is as good as one that failed. */
function checked<A>(operation: string, answer: A, count?: number): A {
  const known = ANSWERS[operation]
  if (!known) return answer
  const answers: readonly unknown[] = count === undefined ? [answer] : Array.isArray(answer) ? answer : []
  if (count !== undefined && answers.length !== count) throw nonsense(operation)
  for (const one of answers) {
    const tag = (one as { answer?: unknown } | null | undefined)?.answer
    if (typeof tag !== 'string' || !known.includes(tag)) throw nonsense(operation)
  }
  return answer
}

function nonsense(operation: string): StoreError {
  return new StoreError(operation, 'answered something that is not in its contract')
}

function quietly(watch: () => () => void): () => void {
  try {
    return watch()
  } catch {
    return () => {}
  }
}
