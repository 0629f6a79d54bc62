import { type Awaitable, deferred, isThenable } from './awaitable.js'
import { InvalidOptionsError, StoreError } from './errors.js'
import { JOB_STORE_METHODS, type JobStore } from './job-store.js'
import { TimeLimit, type TimeLimits } from './time-limits.js'

/** How often an operation is sent before its limit. Every operation can be repeated, so a lost reply costs time only. */
const ATTEMPTS = 3

/** The operations, the answers in their contract, and what each answer carries. */
const OPERATIONS = {
  create: { created: 'record', 'same-key': 'record', exists: 'status', 'group-busy': 'jobId', 'not-found': '' },
  start: { started: 'record', 'not-pending': 'record', fenced: '', gone: '' },
  append: { accepted: '', gap: '', 'not-running': 'record', 'log-full': '', fenced: '', gone: '' },
  claimCommit: { claimed: '', lost: 'record', fenced: '', gone: '' },
  settle: { settled: 'record', 'already-settled': 'record', refused: 'record', fenced: '', gone: '' },
  requestCancel: {
    accepted: 'record',
    joined: 'record',
    cancelled: 'record',
    'too-late': 'status',
    'already-settled': 'record',
    'not-found': '',
  },
  renewLeases: { renewed: 'status', 'already-settled': 'record', fenced: '', gone: '' },
  readEvents: { events: 'events', expired: '', 'not-found': '' },
  read: undefined,
  list: undefined,
  touchViewers: undefined,
  reap: undefined,
  sweep: undefined,
} as const satisfies Partial<Record<keyof JobStore, Readonly<Record<string, string>> | undefined>>

type Operation = keyof typeof OPERATIONS
/** No operation has more than four parameters; naming them spares an array per call. */
type Call = (a?: unknown, b?: unknown, c?: unknown, d?: unknown) => Awaitable<unknown>

/**
 * The same store, but every call ends in time: with a value at once where the store answers a value, else with an answer or a
 * {@link StoreError} within `timeoutMs`. Both common Redis clients wait for ever behind a black hole, so nothing calls a store directly.
 *
 * @throws {InvalidOptionsError} when the store lacks a method, or its lease is shorter than three heartbeats
 */
export function boundedStore(store: JobStore, limits: TimeLimits, timeoutMs: number): JobStore {
  checkStore(store)
  const calls: Partial<Record<Operation, Call>> = {}
  for (const operation of Object.keys(OPERATIONS) as Operation[]) {
    const ask = (store[operation] as Call).bind(store)
    const check = checker(operation)
    calls[operation] = (a, b, c, d) => {
      let first: Promise<unknown>
      try {
        const answer = ask(a, b, c, d)
        if (!isThenable(answer)) return check(answer)
        first = answer
      } catch (error) {
        first = Promise.reject(error)
      }
      return new RepeatedCall({ operation, ask: () => ask(a, b, c, d), check, limits, timeoutMs }, first).answer.promise
    }
  }
  const bounded: Omit<JobStore, Operation> = {
    leaseMs: store.leaseMs,
    heartbeatMs: store.heartbeatMs,
    // A watch that cannot be set up is a lost hint: whoever watches looks again by a timer.
    watchJob: (jobId, wake) => quietly(() => store.watchJob(jobId, wake)),
    watchNode: (nodeId, wake) => quietly(() => store.watchNode(nodeId, wake)),
    footprint() {
      try {
        return store.footprint()
      } catch (cause) {
        throw new StoreError('footprint', 'failed', { cause })
      }
    },
  }
  return { ...bounded, ...(calls as Pick<JobStore, Operation>) }
}

function checkStore(store: JobStore): void {
  const missing = JOB_STORE_METHODS.filter((method) => typeof store?.[method] !== 'function')
  if (missing.length > 0) {
    const names = missing.map((name) => `${name}()`).join(', ')
    throw new InvalidOptionsError(`store: expected a JobStore, but it lacks ${names}.`)
  }
  const { leaseMs, heartbeatMs } = store
  if (!(heartbeatMs > 0) || !(leaseMs >= 3 * heartbeatMs)) {
    throw new InvalidOptionsError(
      `store: expected leaseMs of at least 3 heartbeats, got leaseMs ${leaseMs} and heartbeatMs ${heartbeatMs}.`,
    )
  }
}

interface Repeatable {
  readonly operation: Operation
  readonly ask: () => Awaitable<unknown>
  readonly check: (answer: unknown) => unknown
  readonly limits: TimeLimits
  readonly timeoutMs: number
}

/**
 * Sends an operation again while no answer came; the first answer to any of the attempts counts. It is its own time limit: a promise
 * and a timer for each wait were 5 of the 26 kB that a short job on Redis allocated.
 */
class RepeatedCall extends TimeLimit {
  override readonly holdsProcess = false
  readonly answer = deferred<unknown>()
  readonly #call: Repeatable
  #attempts = 1
  #failure: StoreError | undefined

  constructor(call: Repeatable, first: Promise<unknown>) {
    super()
    this.#call = call
    this.#listen(first)
  }

  /** The time of an attempt is over. */
  override fire(): void {
    const { operation, ask, timeoutMs } = this.#call
    if (this.#attempts++ < ATTEMPTS) this.#listen(new Promise((resolve) => resolve(ask())))
    else this.answer.reject(this.#failure ?? new StoreError(operation, `gave no answer within ${timeoutMs} ms`))
  }

  #listen(attempt: Promise<unknown>): void {
    const { check, limits, operation, timeoutMs } = this.#call
    limits.set(this, timeoutMs / ATTEMPTS)
    const onAnswer = (answer: unknown): void => {
      this.answer.resolve(check(answer))
      limits.clear(this)
    }
    attempt.then(onAnswer).catch((cause: unknown) => {
      this.#failure = cause instanceof StoreError ? cause : new StoreError(operation, 'failed', { cause })
    })
  }
}

/** Lets an answer pass that is in the operation's contract; a store that answers nonsense is as good as one that failed. */
function checker(operation: Operation): (answer: unknown) => unknown {
  const isKnown = contractOf(operation)
  return (answer) => {
    if (isKnown(answer)) return answer
    throw new StoreError(operation, 'answered something that is not in its contract')
  }
}

function contractOf(operation: Operation): (answer: unknown) => boolean {
  const answers: Readonly<Record<string, string>> | undefined = OPERATIONS[operation]
  if (operation === 'list' || operation === 'reap')
    return (answer) => Array.isArray(answer) && answer.every(isJobRecord)
  if (operation === 'read') return (answer) => answer === undefined || isJobRecord(answer)
  if (!answers) return () => true
  const isOne = (answer: unknown): boolean => {
    if (!isRecord(answer) || typeof answer.answer !== 'string') return false
    const member = answers[answer.answer]
    if (member === undefined || member === '') return member === ''
    const carried = answer[member]
    return member === 'record'
      ? isJobRecord(carried)
      : member === 'events'
        ? Array.isArray(carried)
        : typeof carried === 'string'
  }
  return operation === 'renewLeases' ? (all) => Array.isArray(all) && all.every(isOne) : isOne
}

function isJobRecord(value: unknown): boolean {
  return isRecord(value) && typeof value.jobId === 'string' && typeof value.status === 'string'
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function quietly(watch: () => () => void): () => void {
  try {
    return watch()
  } catch {
    return () => {}
  }
}
