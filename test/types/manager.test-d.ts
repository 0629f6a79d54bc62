import {
  type CancelOptions,
  type CancelReason,
  type CancelResult,
  type Clock,
  type DrainReport,
  GenerationJobManager,
  type GenerationJobManagerOptions,
  type JobEvent,
  type JobHandle,
  type JobOutcome,
  type JobSnapshot,
  type JobStatus,
  type JobStore,
  type Logger,
  type ManagerEvents,
  type ManagerStats,
  type Messages,
  type Producer,
  type RegisterOptions,
  type WaitResult,
} from 'generation-jobs'
import { describe, expectTypeOf, test } from 'vitest'

declare const manager: GenerationJobManager
declare const producer: Producer<{ title: string }>

/** Each member may be left out, and may be given as `undefined`: callers build options from values they may not have. */
type Input<T> = { [K in keyof T]?: T[K] | undefined }

describe('GenerationJobManager', () => {
  test('is constructed with or without options', () => {
    expectTypeOf(GenerationJobManager).toBeConstructibleWith()
    expectTypeOf(GenerationJobManager).toBeConstructibleWith(undefined)
    expectTypeOf(GenerationJobManager).constructorParameters.toEqualTypeOf<
      [options?: GenerationJobManagerOptions | undefined]
    >()
  })

  test('has the verbs of the contract', () => {
    expectTypeOf(manager.cancel).toEqualTypeOf<(jobId: string, options?: CancelOptions) => Promise<CancelResult>>()
    expectTypeOf(manager.cancelMany).toEqualTypeOf<
      (
        filter: Input<{ owner: string; group: string; status: JobStatus[] }>,
        options?: CancelOptions,
      ) => Promise<CancelResult[]>
    >()
    expectTypeOf(manager.get).toEqualTypeOf<(jobId: string) => Promise<JobSnapshot | undefined>>()
    expectTypeOf(manager.list).returns.toEqualTypeOf<Promise<JobSnapshot[]>>()
    expectTypeOf(manager.list)
      .parameter(0)
      .branded.toEqualTypeOf<Input<{ owner: string; group: string; status: JobStatus | JobStatus[] }> | undefined>()
    expectTypeOf(manager.events).toEqualTypeOf<
      (
        jobId: string,
        options?: Input<{ after: number; signal: AbortSignal; viewer: boolean }>,
      ) => AsyncIterable<JobEvent>
    >()
    expectTypeOf(manager.stats).toEqualTypeOf<() => ManagerStats>()
    expectTypeOf(manager.drain).toEqualTypeOf<(options?: Input<{ timeoutMs: number }>) => Promise<DrainReport>>()
    expectTypeOf(manager.close).toEqualTypeOf<() => Promise<void>>()
    expectTypeOf(manager[Symbol.asyncDispose]).toEqualTypeOf<() => Promise<void>>()
  })

  test('register infers the type of the value from the producer and gives it to the handle', () => {
    expectTypeOf(manager.register(producer)).toEqualTypeOf<Promise<JobHandle<{ title: string }>>>()
    expectTypeOf(manager.register<{ title: string }>).parameters.toEqualTypeOf<
      [producer: Producer<{ title: string }>, options?: RegisterOptions | undefined]
    >()
    expectTypeOf(manager.register(async () => 42)).resolves.toEqualTypeOf<JobHandle<number>>()
    expectTypeOf(manager.register(async (run) => run.jobId)).resolves.toEqualTypeOf<JobHandle<string>>()
    expectTypeOf(manager.register(async () => {})).resolves.toEqualTypeOf<JobHandle<void>>()
    expectTypeOf(
      manager.register(async function* () {
        yield 'a chunk'
        yield { type: 'step' as const, step: 'Generating' }
        return { nodes: 3 }
      }),
    ).resolves.toEqualTypeOf<JobHandle<{ nodes: number }>>()
  })

  test('register infers the text and the usage of run.stream', () => {
    const handle = manager.register((run) => run.stream(source))
    expectTypeOf(handle).resolves.toHaveProperty('settled')
    void handle.then(async ({ settled }) => {
      const outcome = await settled
      if (outcome.status === 'completed' && outcome.valueOmitted === undefined) {
        expectTypeOf(outcome.value.text).toEqualTypeOf<string>()
      }
    })
  })

  test('waitForCompletion answers unknown unless the caller says more', () => {
    expectTypeOf(manager.waitForCompletion('id')).toEqualTypeOf<Promise<WaitResult<unknown>>>()
    expectTypeOf(manager.waitForCompletion<number>('id')).toEqualTypeOf<Promise<WaitResult<number>>>()
    expectTypeOf(manager.waitForCompletion)
      .parameter(1)
      .toEqualTypeOf<Input<{ timeoutMs: number; signal: AbortSignal }> | undefined>()
  })
})

declare const source: AsyncIterable<string>

describe('manager events', () => {
  test('are these, each with the job as it stands and its details', () => {
    expectTypeOf<ManagerEvents>().toEqualTypeOf<{
      registered: { job: JobSnapshot }
      started: { job: JobSnapshot }
      step: { job: JobSnapshot; step: string }
      cancelRequested: { job: JobSnapshot; reason: CancelReason }
      committing: { job: JobSnapshot }
      settled: {
        job: JobSnapshot
        outcome: JobOutcome<unknown>
        chunks: number
        droppedChunks: number
        firstChunkMs?: number
        cancelMs?: number
      }
      cleanupFailed: { job: JobSnapshot; label?: string; error: unknown }
    }>()
  })

  test('type the payload of a listener by the name of the event', () => {
    manager.on('registered', (payload) => expectTypeOf(payload).toEqualTypeOf<{ job: JobSnapshot }>())
    manager.on('step', ({ step }) => expectTypeOf(step).toEqualTypeOf<string>())
    manager.once('cancelRequested', ({ reason }) => expectTypeOf(reason).toEqualTypeOf<CancelReason>())
    manager.on('settled', ({ outcome }) => expectTypeOf(outcome).toEqualTypeOf<JobOutcome<unknown>>())
    manager.on('cleanupFailed', ({ label, error }) => {
      expectTypeOf(label).toEqualTypeOf<string | undefined>()
      expectTypeOf(error).toEqualTypeOf<unknown>()
    })
    manager.off('settled', ({ job }) => expectTypeOf(job).toEqualTypeOf<JobSnapshot>())
  })

  test('on, once and off can be chained, and take async listeners', () => {
    expectTypeOf(manager.on('started', () => {})).toEqualTypeOf<GenerationJobManager>()
    expectTypeOf(manager.once('started', async () => {})).toEqualTypeOf<GenerationJobManager>()
    expectTypeOf(manager.off('started', () => {})).toEqualTypeOf<GenerationJobManager>()
  })
})

describe('options', () => {
  test('of a manager are these, all of them optional', () => {
    expectTypeOf<GenerationJobManagerOptions>().toEqualTypeOf<
      Input<{
        store: JobStore
        logger: Logger | false
        locale: 'fr' | 'en' | Messages
        gracePeriodMs: number
        cancelTimeoutMs: number
        commitTimeoutMs: number
        deadlineMs: number | false
        idleTimeoutMs: number | false
        maxConcurrentJobs: number
        maxPendingJobs: number
        maxJobsPerOwner: number
        retentionMs: number
        maxLogEvents: number
        maxLogBytes: number
        maxResultBytes: number
        onDisconnect: 'keep' | 'cancel'
        disconnectGraceMs: number
        storeTimeoutMs: number
        describeError: (error: unknown) => { code?: string | undefined; message?: string | undefined } | undefined
        clock: Clock
      }>
    >()
  })

  test('of register are these, all of them optional', () => {
    expectTypeOf<RegisterOptions>().toEqualTypeOf<
      Input<{
        jobId: string
        owner: string
        metadata: object
        deadlineMs: number | false
        idleTimeoutMs: number | false
        signal: AbortSignal
        idempotencyKey: string
        requestFingerprint: string
        group: string
        onConflict: 'allow' | 'reject' | 'replace'
        onDisconnect: 'keep' | 'cancel'
        disconnectGraceMs: number
      }>
    >()
  })

  test('of a cancel are these, all of them optional', () => {
    expectTypeOf<CancelOptions>().toEqualTypeOf<
      Input<{ kind: 'user' | 'replaced' | 'shutdown'; by: string; message: string; timeoutMs: number }>
    >()
  })

  test('metadata takes interfaces and class instances, not only index signatures', () => {
    interface Conversation {
      readonly topic: string
    }
    expectTypeOf<Conversation>().toExtend<NonNullable<RegisterOptions['metadata']>>()
  })
})

describe('ManagerStats and DrainReport', () => {
  test('count what the contract names', () => {
    expectTypeOf<ManagerStats>().toEqualTypeOf<{
      readonly jobs: Readonly<Record<JobStatus, number>>
      readonly subscriptions: number
      readonly viewers: number
      readonly timers: number
      readonly listeners: number
      readonly cleanups: number
      readonly waiters: number
      readonly logEvents: number
      readonly logBytes: number
    }>()
    expectTypeOf<DrainReport>().toEqualTypeOf<{
      readonly completed: number
      readonly failed: number
      readonly cancelled: number
      readonly forced: number
      readonly waitedMs: number
    }>()
  })
})
