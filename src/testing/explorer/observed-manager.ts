import type { CancelResult } from '../../core/cancellation.js'
import type { WaitResult } from '../../core/completion.js'
import type { JobHandle } from '../../core/job-handle.js'
import type { JobStore } from '../../core/job-store.js'
import type { ManagerEvents } from '../../core/manager-events.js'
import type { ManagerStats } from '../../core/manager-stats.js'
import type { CancelOptions, GenerationJobManagerOptions, RegisterOptions } from '../../core/options.js'
import type { JobOutcome } from '../../core/outcome.js'
import type { Producer } from '../../core/producer.js'
import type { RunContext } from '../../core/run-context.js'
import type { Clock } from '../../protocol/clock.js'
import { DEFAULT_LIMITS, type History, type JobLimits } from './facts.js'
import { ObservedRun, watched } from './observed-run.js'
import type { RecordWatch } from './record-watch.js'

/** The manager of generation-jobs; the explorer does not import it, so that this entry loads in a browser. */
export interface ManagerLike {
  register<T>(producer: Producer<T>, options?: RegisterOptions): Promise<JobHandle<T>>
  cancel(jobId: string, options?: CancelOptions): Promise<CancelResult>
  waitForCompletion<T = unknown>(jobId: string, options?: { timeoutMs?: number }): Promise<WaitResult<T>>
  stats(): ManagerStats
  on<E extends keyof ManagerEvents>(event: E, listener: (payload: ManagerEvents[E]) => unknown): unknown
  close(): Promise<void>
}

export interface ManagerWatch {
  readonly history: History
  readonly watch: RecordWatch
  /** Numbers the calls of `cancel` in the world. */
  readonly nextCall: () => number
  /** Calls of `cancel` of this manager that are not answered. */
  readonly open: Set<number>
}

/** Makes a manager on this clock and store whose jobs are observed. The instance is changed, the class is not. */
export function observedManager<M extends ManagerLike>(
  Manager: new (options: GenerationJobManagerOptions) => M,
  options: GenerationJobManagerOptions,
  ports: { clock: Clock; store: JobStore },
  parts: ManagerWatch,
): M {
  const { history, watch } = parts
  const manager = new Manager({ logger: false, ...options, ...ports })
  const register = manager.register.bind(manager)
  const cancel = manager.cancel.bind(manager)
  const wait = manager.waitForCompletion.bind(manager)
  const limits = limitsOf(options)
  const runs = new Map<string, ObservedRun>()
  const live = new Set<string>()
  const registered = new Map<string, RegisterOptions>()

  manager.on('registered', ({ job }) => {
    live.add(job.jobId)
    const facts = history.job(watch.jobOf(job.jobId))
    facts.limits = limits
    const own = registered.get(job.jobId)
    facts.onDisconnect = own?.onDisconnect ?? options.onDisconnect ?? 'keep'
    facts.deadlineMs = own?.deadlineMs ?? options.deadlineMs ?? false
    facts.disconnectGraceMs = own?.disconnectGraceMs ?? options.disconnectGraceMs ?? facts.disconnectGraceMs
  })
  manager.on('settled', ({ job, outcome }) => {
    if (!live.delete(job.jobId)) return // the end of another node's job, told by the reaper
    settled(job.jobId, outcome)
  })

  function settled(jobId: string, outcome: JobOutcome<unknown>): void {
    const run = runs.get(jobId)
    runs.delete(jobId)
    const { pending, running, committing, cancelling } = manager.stats().jobs
    history.note({
      type: 'settled',
      job: run ? watch.jobOf(jobId, run.fencingToken) : watch.jobOf(jobId),
      outcome,
      status: watch.record(jobId)?.status,
      tokenReason: run?.token.reason,
      signalReason: run?.signalReason,
      sawSignal: run?.sawSignal ?? false,
      isSignalAborted: run?.isSignalAborted ?? false,
      live: pending + running + committing + cancelling,
      expectedLive: live.size,
    })
  }

  function observed<T>(producer: Producer<T>): Producer<T> {
    const observe = (run: RunContext): unknown => {
      const { jobId, fencingToken } = run
      const job = watch.jobOf(jobId, fencingToken)
      const observedRun = new ObservedRun(run, {
        job,
        note: (body) => history.note(body),
        record: () => watch.record(jobId),
      })
      runs.set(jobId, observedRun)
      history.note({ type: 'started', job, fencingToken })
      const onEnd = (failure: { error: unknown } | undefined): void =>
        history.note({ type: 'produced', job, ...failure })
      return watchedOutput(() => producer(observedRun), onEnd)
    }
    return observe as Producer<T>
  }

  return Object.assign(manager, {
    register<T>(producer: Producer<T>, own?: RegisterOptions): Promise<JobHandle<T>> {
      if (own?.jobId !== undefined) registered.set(own.jobId, own)
      return register(typeof producer === 'function' ? observed(producer) : producer, own)
    },
    cancel(jobId: string, own?: CancelOptions): Promise<CancelResult> {
      const call = parts.nextCall()
      const job = watch.jobOf(jobId)
      history.note({ type: 'asked', job, call, by: own?.by, timeoutMs: own?.timeoutMs })
      parts.open.add(call)
      const answer = cancel(jobId, own)
      answer.then(
        (result) => history.note({ type: 'answered', job, call, result }),
        (error) => history.note({ type: 'refused', job, call, error }),
      )
      const close = (): void => void parts.open.delete(call)
      answer.then(close, close)
      return answer
    },
    waitForCompletion<T>(jobId: string, own?: { timeoutMs?: number }): Promise<WaitResult<T>> {
      const job = watch.jobOf(jobId)
      const answer = wait<T>(jobId, own)
      answer.then(
        (result) => history.note({ type: 'waited', job, result }),
        () => {},
      )
      return answer
    },
  })
}

function limitsOf(options: GenerationJobManagerOptions): JobLimits {
  const {
    gracePeriodMs = DEFAULT_LIMITS.gracePeriodMs,
    cancelTimeoutMs = DEFAULT_LIMITS.cancelTimeoutMs,
    commitTimeoutMs = DEFAULT_LIMITS.commitTimeoutMs,
  } = options
  const storeTimeoutMs = options.storeTimeoutMs ?? ((cancelTimeoutMs - gracePeriodMs) * 3) / 4
  return { gracePeriodMs, cancelTimeoutMs, commitTimeoutMs, storeTimeoutMs }
}

/** Calls a producer and tells its end; hands on what it answered. */
function watchedOutput(call: () => unknown, onEnd: (failure: { error: unknown } | undefined) => void): unknown {
  let generator: AsyncGenerator<unknown> | undefined
  const output = watched(
    () => {
      const made = call()
      if (isGenerator(made)) generator = made
      return made
    },
    (failure) => {
      if (!generator) onEnd(failure)
    },
  )
  return generator ? watchedGenerator(generator, onEnd) : output
}

function isGenerator(value: unknown): value is AsyncGenerator<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value && 'next' in value
}

function watchedGenerator(
  generator: AsyncGenerator<unknown>,
  onEnd: (failure: { error: unknown } | undefined) => void,
): object {
  let isOver = false
  const tell = (failure: { error: unknown } | undefined): void => {
    if (!isOver) onEnd(failure)
    isOver = true
  }
  const seen = (answer: Promise<IteratorResult<unknown>>): Promise<IteratorResult<unknown>> => {
    answer.then(
      ({ done }) => done && tell(undefined),
      (error: unknown) => tell({ error: error ?? 'nothing' }),
    )
    return answer
  }
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    next: () => seen(generator.next()),
    return: (value: unknown) => seen(generator.return(value)),
  }
}
