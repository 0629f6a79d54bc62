import type {
  CancelKind,
  CancelOptions,
  CancelReason,
  CancelResult,
  CleanupStatus,
  CommitStatus,
  ErrorCode,
  JobEvent,
  JobHandle,
  JobOutcome,
  JobSnapshot,
  JobStatus,
  Json,
  JsonObject,
  Usage,
  WaitResult,
} from 'generation-jobs'
import { type CANCEL_KINDS, JOB_STATUSES } from 'generation-jobs'
import { describe, expectTypeOf, test } from 'vitest'

type Kind = 'user' | 'deadline' | 'idle' | 'disconnect' | 'shutdown' | 'replaced' | 'signal' | 'lease-lost'

/** What a switch must leave over when it has a case for each member: nothing. */
declare function nothingLeft(value: never): void

describe('words', () => {
  test('a job is in one of seven statuses', () => {
    expectTypeOf<JobStatus>().toEqualTypeOf<
      'pending' | 'running' | 'committing' | 'cancelling' | 'completed' | 'failed' | 'cancelled'
    >()
    expectTypeOf(JOB_STATUSES).toEqualTypeOf<readonly JobStatus[]>()
  })

  test('a cancel has one of eight kinds', () => {
    expectTypeOf<CancelKind>().toEqualTypeOf<Kind>()
    expectTypeOf<CancelReason['kind']>().toEqualTypeOf<Kind>()
    expectTypeOf<(typeof CANCEL_KINDS)[number]>().toEqualTypeOf<Kind>()
  })

  test('a reason carries kind and time, and optionally who and why', () => {
    expectTypeOf<CancelReason>().toEqualTypeOf<{
      readonly kind: Kind
      readonly by?: string
      readonly message?: string
      readonly at: number
    }>()
  })

  test('cleanups and commits end in these ways', () => {
    expectTypeOf<CleanupStatus>().toEqualTypeOf<'clean' | 'failed' | 'timed-out' | 'unknown'>()
    expectTypeOf<CommitStatus>().toEqualTypeOf<'none' | 'done' | 'unknown'>()
  })

  test('usage says where its numbers come from', () => {
    // Chunks carry it in, so its members may be given as undefined.
    expectTypeOf<Usage>().toEqualTypeOf<{
      readonly inputTokens?: number | undefined
      readonly outputTokens?: number | undefined
      readonly quality: 'reported' | 'estimated' | 'unknown'
    }>()
  })
})

describe('JobHandle', () => {
  test('has these members', () => {
    expectTypeOf<JobHandle<number>['jobId']>().toEqualTypeOf<string>()
    expectTypeOf<JobHandle<number>['created']>().toEqualTypeOf<boolean>()
    expectTypeOf<JobHandle<number>['settled']>().toEqualTypeOf<Promise<JobOutcome<number>>>()
    expectTypeOf<JobHandle<number>['snapshot']>().toEqualTypeOf<() => JobSnapshot>()
    expectTypeOf<JobHandle<number>['events']>().toEqualTypeOf<
      (options?: { after?: number | undefined; signal?: AbortSignal | undefined }) => AsyncIterable<JobEvent>
    >()
    expectTypeOf<JobHandle<number>['cancel']>().toEqualTypeOf<(options?: CancelOptions) => Promise<CancelResult>>()
    expectTypeOf<keyof JobHandle<number>>().toEqualTypeOf<
      'jobId' | 'created' | 'settled' | 'snapshot' | 'events' | 'cancel'
    >()
  })

  test('is of the wider type where its value is', () => {
    expectTypeOf<JobHandle<number>>().toExtend<JobHandle<number | string>>()
    expectTypeOf<JobHandle<number>>().toExtend<JobHandle<unknown>>()
  })
})

describe('JobSnapshot', () => {
  test('shows what the contract names', () => {
    expectTypeOf<JobSnapshot>().toEqualTypeOf<{
      readonly jobId: string
      readonly status: JobStatus
      readonly owner?: string
      readonly group?: string
      readonly metadata?: JsonObject
      readonly step?: string
      readonly lastSeq: number
      readonly createdAt: number
      readonly startedAt?: number
      readonly updatedAt: number
      readonly settledAt?: number
      readonly cancel?: { readonly reason: CancelReason; readonly requestedAt: number }
      readonly result?: Json
      readonly resultOmitted?: 'not-json' | 'too-large'
      readonly error?: { readonly code: string; readonly message: string }
      readonly forced?: boolean
      readonly cleanup?: CleanupStatus
      readonly commit?: 'none' | 'done' | 'unknown'
      readonly usage?: Usage
    }>()
  })

  test('is a JSON value as it stands, so that it can go on a wire', () => {
    expectTypeOf<Json>().toEqualTypeOf<string | number | boolean | null | readonly Json[] | JsonObject>()
    expectTypeOf<JsonObject>().toEqualTypeOf<{ readonly [key: string]: Json }>()
  })
})

describe('JobEvent', () => {
  test('narrows by its type', () => {
    const look = (event: JobEvent): void => {
      expectTypeOf(event.seq).toEqualTypeOf<number>()
      expectTypeOf(event.at).toEqualTypeOf<number>()
      switch (event.type) {
        case 'step':
          return void expectTypeOf(event.step).toEqualTypeOf<string>()
        case 'chunk':
          return void expectTypeOf(event.content).toEqualTypeOf<string>()
        case 'metadata':
          return void expectTypeOf(event.data).toEqualTypeOf<JsonObject>()
        case 'data':
          expectTypeOf(event.name).toEqualTypeOf<string>()
          return void expectTypeOf(event.data).toEqualTypeOf<Json>()
        case 'cancelling':
          return void expectTypeOf(event.kind).toEqualTypeOf<Kind>()
        case 'complete':
          return void expectTypeOf(event.result).toEqualTypeOf<Json | undefined>()
        case 'cancelled':
          expectTypeOf(event.kind).toEqualTypeOf<Kind>()
          return void expectTypeOf(event.forced).toEqualTypeOf<boolean>()
        case 'error':
          expectTypeOf(event.code).toEqualTypeOf<string>()
          return void expectTypeOf(event.message).toEqualTypeOf<string | undefined>()
        default:
          return nothingLeft(event)
      }
    }
    expectTypeOf(look).toBeFunction()
  })

  test('carries codes and kinds, no sentence but the one of describeError', () => {
    expectTypeOf<keyof Extract<JobEvent, { type: 'cancelled' }>>().toEqualTypeOf<
      'seq' | 'at' | 'type' | 'kind' | 'forced'
    >()
    expectTypeOf<keyof Extract<JobEvent, { type: 'cancelling' }>>().toEqualTypeOf<'seq' | 'at' | 'type' | 'kind'>()
    expectTypeOf<keyof Extract<JobEvent, { type: 'error' }>>().toEqualTypeOf<
      'seq' | 'at' | 'type' | 'code' | 'message'
    >()
    expectTypeOf<keyof Extract<JobEvent, { type: 'complete' }>>().toEqualTypeOf<'seq' | 'at' | 'type' | 'result'>()
  })
})

describe('CancelResult', () => {
  test('narrows by its outcome', () => {
    const look = (result: CancelResult): void => {
      expectTypeOf(result.jobId).toEqualTypeOf<string>()
      switch (result.outcome) {
        case 'cancelled':
          expectTypeOf(result.reason).toEqualTypeOf<CancelReason>()
          expectTypeOf(result.step).toEqualTypeOf<string | undefined>()
          expectTypeOf(result.forced).toEqualTypeOf<boolean>()
          expectTypeOf(result.cleanup).toEqualTypeOf<CleanupStatus>()
          expectTypeOf(result.joined).toEqualTypeOf<boolean>()
          expectTypeOf(result.runMs).toEqualTypeOf<number>()
          expectTypeOf(result.cancelMs).toEqualTypeOf<number>()
          return void expectTypeOf(result.recorded).toEqualTypeOf<boolean>()
        case 'too-late':
        case 'already-settled':
        case 'requested':
          return void expectTypeOf(result.status).toEqualTypeOf<JobStatus>()
        case 'not-found':
          return void expectTypeOf<keyof typeof result>().toEqualTypeOf<'outcome' | 'jobId'>()
        default:
          return nothingLeft(result)
      }
    }
    expectTypeOf(look).toBeFunction()
  })
})

describe('WaitResult', () => {
  test('narrows by settled', () => {
    const look = (result: WaitResult<number>): void => {
      if (result.settled) {
        expectTypeOf(result.outcome).toEqualTypeOf<JobOutcome<number>>()
        return
      }
      expectTypeOf(result.status).toEqualTypeOf<JobStatus | undefined>()
      expectTypeOf(result.cause).toEqualTypeOf<'timeout' | 'aborted' | 'not-found'>()
    }
    expectTypeOf(look).toBeFunction()
  })
})

describe('JobOutcome', () => {
  test('says of every end what was committed, released and recorded', () => {
    expectTypeOf<Omit<JobOutcome<number>, 'status'>>().toExtend<{
      jobId: string
      commit: 'none' | 'done' | 'unknown'
      cleanup: CleanupStatus
      forced: boolean
      recorded: boolean
      queuedMs: number
      runMs: number
      usage?: Usage
    }>()
  })

  test('narrows by its status', () => {
    const look = (outcome: JobOutcome<number>): void => {
      switch (outcome.status) {
        case 'completed':
          return void expectTypeOf(outcome.valueOmitted).toEqualTypeOf<
            'not-json' | 'too-large' | 'producer-failed' | undefined
          >()
        case 'cancelled':
          expectTypeOf(outcome.reason).toEqualTypeOf<CancelReason>()
          return void expectTypeOf(outcome.partial?.text).toEqualTypeOf<string | undefined>()
        case 'failed':
          expectTypeOf(outcome.error.code).toEqualTypeOf<ErrorCode | (string & {})>()
          expectTypeOf(outcome.error.message).toEqualTypeOf<string>()
          expectTypeOf(outcome.error.cause).toEqualTypeOf<unknown>()
          return void expectTypeOf(outcome.partial?.text).toEqualTypeOf<string | undefined>()
        default:
          return nothingLeft(outcome)
      }
    }
    expectTypeOf(look).toBeFunction()
  })

  test('has its value where none was omitted, and only there', () => {
    const look = (outcome: Extract<JobOutcome<number>, { status: 'completed' }>): void => {
      if (outcome.valueOmitted === undefined) expectTypeOf(outcome.value).toEqualTypeOf<number>()
      else expectTypeOf(outcome.value).toEqualTypeOf<undefined>()
    }
    expectTypeOf(look).toBeFunction()
  })

  test('compares with known codes without giving up those of the application', () => {
    const isOwn = (outcome: JobOutcome<unknown>): boolean =>
      outcome.status === 'failed' && (outcome.error.code === 'owner.lost' || outcome.error.code === 'my.own')
    expectTypeOf(isOwn).returns.toEqualTypeOf<boolean>()
  })
})
