import type { JobEvent } from '../protocol/job-event.js'
import type { JobStatus } from '../protocol/job-status.js'
import { Admission, type Ticket } from './admission.js'
import { type Awaitable, isThenable, whenAnswered } from './awaitable.js'
import { boundedStore } from './bounded-store.js'
import { CallerContext } from './caller-context.js'
import { CallerSignals } from './caller-signals.js'
import { Cancellation } from './cancellation.js'
import { Completion } from './completion.js'
import { type DrainReport, drainRuns } from './drain.js'
import { Epoch } from './epoch.js'
import { InvalidOptionsError, show } from './errors.js'
import { EventReader } from './event-reader.js'
import { FairYield } from './fair-yield.js'
import { Heartbeat } from './heartbeat.js'
import type { JobRecord, JobStore, StartAnswer } from './job-store.js'
import { JobWatch } from './job-watch.js'
import { Journal, subjectOf } from './journal.js'
import { LeaseKeeper } from './lease-keeper.js'
import type { ManagerStats } from './manager-stats.js'
import { createMemoryJobStore } from './memory/memory-job-store.js'
import type { RegisterOptions, ResolvedOptions } from './options.js'
import type { Producer } from './producer.js'
import { type Registered, Registration } from './registration.js'
import { Run } from './run.js'
import type { RunEnvironment } from './run-environment.js'
import { systemClock } from './system-clock.js'
import { TimeLimits } from './time-limits.js'
import { Viewers } from './viewers.js'
import { WriteRetries } from './write-retries.js'

/** Heartbeats between two polls of those who wait for a hint: the worst delay of a lost one. */
const BEATS_PER_POLL = 5

type Own = NonNullable<Registered['own']>

/** What `register` answers: the job's record, and its run if this process has it. */
export interface RegisteredJob<T> {
  readonly created: boolean
  readonly record: JobRecord
  readonly run: Run<T> | undefined
  /** Of a job that this call made: its place, not yet used. */
  readonly ticket?: Ticket | undefined
}

/** One process among those that share a store: its parts put together, its jobs, and its heartbeat. */
export class JobNode {
  readonly nodeId = crypto.randomUUID()
  readonly journal: Journal
  readonly store: JobStore
  readonly completion: Completion
  readonly cancellation: Cancellation
  readonly runs = new Map<string, Run<unknown>>()
  readonly options: ResolvedOptions
  readonly clock
  readonly limits: TimeLimits
  readonly #signals = new CallerSignals()
  readonly #watch: JobWatch
  readonly #viewers: Viewers
  readonly #admission: Admission
  readonly #registration: Registration
  readonly #leases: LeaseKeeper
  readonly #retries = new WriteRetries()
  readonly #readers = new Set<EventReader>()
  readonly #environment: RunEnvironment
  readonly #heartbeat: Heartbeat
  readonly #unwatch: () => void
  /** Hear of jobs of other processes, or of none, that this node cancelled while they were pending. */
  readonly pendingCancelled = new Set<(record: JobRecord) => void>()
  isOpen = true

  constructor(options: ResolvedOptions) {
    const clock = options.clock ?? systemClock
    const limits = new TimeLimits(clock)
    const epoch = new Epoch(clock)
    const store = boundedStore(options.store ?? createMemoryJobStore({ clock }), limits, options.storeTimeoutMs)
    const { nodeId, runs } = this
    this.options = options
    this.clock = clock
    this.limits = limits
    this.store = store
    this.journal = new Journal(options)
    this.#watch = new JobWatch(store)
    this.#viewers = new Viewers(store, nodeId)
    this.#admission = new Admission(options)
    this.#leases = new LeaseKeeper(store, limits, runs)
    this.completion = new Completion({ store, limits, watch: this.#watch, signals: this.#signals, runs })
    this.cancellation = new Cancellation({
      nodeId,
      store,
      limits,
      completion: this.completion,
      options,
      runs,
      now: () => clock.now(),
      pendingCancelled: this.pendingCancelled,
    })
    this.#registration = new Registration({
      nodeId,
      store,
      admission: this.#admission,
      options,
      now: () => limits.now(),
      isOpen: () => this.isOpen,
      replace: (jobId) => this.#replace(jobId),
    })
    this.#environment = {
      nodeId,
      store,
      clock,
      limits,
      fair: new FairYield(clock),
      epoch,
      journal: this.journal,
      options,
      onSettled: (jobId) => void runs.delete(jobId),
      renewSoon: (jobId) => this.#leases.renewOne(jobId),
      retries: this.#retries,
    }
    this.#unwatch = store.watchNode(nodeId, (jobId, cancel) => this.#leases.hinted(jobId, cancel))
    this.#heartbeat = new Heartbeat(clock, store.heartbeatMs, (count) => {
      epoch.refresh()
      this.#beat(count)
    })
  }

  /** Records a job; `start` follows. */
  register<T>(producer: Producer<T>, options: RegisterOptions): Awaitable<RegisteredJob<T>> {
    if (typeof producer !== 'function') {
      throw new InvalidOptionsError(`register: expected the producer to be a function, got ${show(producer)}.`)
    }
    const begin = ({ record, own }: Registered): RegisteredJob<T> => {
      if (!own) return { created: false, record, run: this.runs.get(record.jobId) as Run<T> | undefined }
      return { created: true, record, run: this.#own(record, producer, own, options), ticket: own.ticket }
    }
    const registered = this.#registration.register(options)
    return isThenable(registered) ? registered.then(begin) : begin(registered)
  }

  /** Records a job that a queue will bring to a node, for {@link take}. Until then it has no owner, and ends at its deadline. */
  async enqueue<T>(options: RegisterOptions, deadlineMs: number): Promise<RegisteredJob<T>> {
    const { record, own } = await this.#registration.register(options, deadlineMs)
    if (own) this.journal.registered(subjectOf(record))
    return { created: own !== undefined, record, run: undefined }
  }

  /** Starts a job that a queue brought here, at once: how many it brings is its own limit. The deadline counts from `enqueue`. */
  async take<T>(
    job: { readonly jobId: string; readonly fencingToken: number },
    producer: Producer<T>,
    options: RegisterOptions & { deadlineMs: number },
  ): Promise<Run<T> | Exclude<StartAnswer, { answer: 'started' }>> {
    const operationId = this.#registration.newOperationId()
    const sentAt = this.limits.now()
    const answer = await this.store.start({ ...job, operationId, nodeId: this.nodeId })
    if (answer.answer !== 'started') return answer
    const { record } = answer
    const own = { ticket: this.#admission.admit(record.owner), operationId, sentAt }
    const run = this.#own(record, producer, own, options, false)
    if (run.registeredAt + options.deadlineMs <= this.limits.now()) this.#cancel(run, 'deadline')
    run.start()
    return run
  }

  #own<T>(record: JobRecord, producer: Producer<T>, own: Own, options: RegisterOptions, isNew = true): Run<T> {
    const { ticket, operationId, sentAt: leaseProvedAt } = own
    const spec = { producer, record, operationId, limits: this.#limitsOf(options), leaseProvedAt, ticket }
    const run = new Run<T>(this.#environment, spec)
    this.runs.set(run.jobId, run as Run<unknown>)
    if (isNew) this.journal.registered(run) // else the node told it that enqueued the job
    if (options.signal) run.linkSignal(this.#signals.onAbort(options.signal, () => this.#cancel(run, 'signal')))
    if (!this.isOpen) this.#cancel(run, 'shutdown') // the drain began while the store was asked
    return run
  }

  /** Calls the producer as soon as the job has a slot, after whoever awaits the promise that this tick resolves. */
  start<T>({ run, ticket }: RegisteredJob<T>): void {
    if (!ticket || !run) return
    if (ticket.hasSlot) return ticket.ready(() => run.start())
    const caller = new CallerContext() // a pending job is started by the end of another; its producer must not see that one's
    ticket.ready(() => caller.runInAsyncScope(run.start, run))
  }

  /** A reader of a job's events; it is closed with the node. */
  read(
    jobId: string,
    options: { after: number; signal: AbortSignal | undefined; viewer: boolean },
  ): AsyncIterable<JobEvent> {
    const { after, signal, viewer } = options
    return new EventReader({
      store: this.store,
      watch: this.#watch,
      signals: this.#signals,
      jobId,
      after,
      signal,
      onOpen: (reader) => {
        this.#readers.add(reader)
        if (this.limits.isClosing) reader.close()
        const leave = viewer ? this.#viewers.enter(reader, jobId) : undefined
        return () => {
          this.#readers.delete(reader)
          leave?.()
        }
      },
    })
  }

  stats(): ManagerStats {
    const { settledJobs, logEvents, logBytes } = this.store.footprint()
    const jobs: Record<JobStatus, number> = { pending: 0, running: 0, committing: 0, cancelling: 0, ...settledJobs }
    let cleanups = 0
    let listeners = this.#signals.size
    for (const run of this.runs.values()) {
      jobs[run.status]++
      cleanups += run.cleanupCount
      listeners += run.listenerCount
    }
    return {
      jobs,
      subscriptions: this.#readers.size,
      viewers: this.#viewers.size,
      timers: this.limits.size,
      listeners,
      cleanups,
      waiters: this.completion.waiters,
      logEvents,
      logBytes,
    }
  }

  /** Admits nothing any more and ends what is live. */
  drain(timeoutMs: number): Promise<DrainReport> {
    this.isOpen = false
    return drainRuns(this.runs, timeoutMs, this.limits, this.clock)
  }

  /** Lets go of everything, after a drain. */
  async release(): Promise<void> {
    await this.#retries.finish()
    this.#heartbeat.stop()
    this.#leases.stop()
    this.limits.isClosing = true
    this.limits.trim()
    this.#unwatch()
    this.completion.close()
    for (const reader of [...this.#readers]) reader.close()
    this.journal.emitter.removeAll()
    this.pendingCancelled.clear()
  }

  #cancel(run: { requestCancel: Run<unknown>['requestCancel'] }, kind: 'signal' | 'shutdown' | 'deadline'): void {
    void run.requestCancel({ kind, at: this.clock.now() })
  }

  async #replace(jobId: string): Promise<boolean> {
    const result = await this.cancellation.cancel(jobId, { kind: 'replaced' })
    return result.outcome !== 'requested' && !('status' in result && result.status === 'committing')
  }

  #limitsOf(options: RegisterOptions) {
    const defaults = this.options
    const onDisconnect = options.onDisconnect ?? defaults.onDisconnect
    return {
      deadlineMs: options.deadlineMs ?? defaults.deadlineMs,
      idleTimeoutMs: options.idleTimeoutMs ?? defaults.idleTimeoutMs,
      disconnectGraceMs:
        onDisconnect === 'cancel' ? (options.disconnectGraceMs ?? defaults.disconnectGraceMs) : (false as const),
    }
  }

  /** Own leases first: after a pause of the whole process they are renewed before anybody looks for lost ones. */
  #beat(count: number): void {
    this.limits.trim()
    this.#leases.renewAll()
    this.#viewers.touchAll()
    void this.#retries.retryAll()
    quietly(
      () => this.store.reap(),
      (records) => {
        for (const record of records) this.journal.reaped(record)
      },
    )
    quietly(() => this.store.sweep())
    if (count % BEATS_PER_POLL === 0) this.#watch.poll()
  }
}

/** Work that the next heartbeat does again if it fails now. */
function quietly<A>(ask: () => Awaitable<A>, then: (answer: A) => void = () => undefined): void {
  void whenAnswered(ask, then, () => undefined)
}
