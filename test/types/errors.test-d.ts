import {
  type CancelReason,
  type CapacityError,
  CommitError,
  type CursorExpiredError,
  type ERROR_CODES,
  type ErrorCode,
  type FinishReason,
  type GenerationJobError,
  IncompleteGenerationError,
  type InvalidOptionsError,
  InvalidResultError,
  isGenerationJobError,
  type JobAlreadyExistsError,
  type JobCancelledError,
  type JobConflictError,
  type JobNotFoundError,
  type JobStatus,
  type LogLimitError,
  type ManagerClosedError,
  type StoreError,
} from 'generation-jobs'
import { describe, expectTypeOf, test } from 'vitest'

describe('errors', () => {
  test('have one abstract base with a closed union of codes', () => {
    expectTypeOf<GenerationJobError>().toExtend<Error>()
    expectTypeOf<GenerationJobError['code']>().toEqualTypeOf<ErrorCode>()
    expectTypeOf<(typeof GenerationJobError)['prototype']>().toExtend<Error>()
    expectTypeOf<keyof typeof ERROR_CODES>().toEqualTypeOf<ErrorCode>()
  })

  test('the codes are these', () => {
    expectTypeOf<ErrorCode>().toEqualTypeOf<
      | 'options.invalid'
      | 'job.not-found'
      | 'job.exists'
      | 'job.conflict'
      | 'job.cancelled'
      | 'job.log-limit'
      | 'job.expired'
      | 'idempotency.conflict'
      | 'capacity.pending'
      | 'capacity.owner'
      | 'cursor.expired'
      | 'generation.incomplete'
      | 'result.invalid'
      | 'commit.failed'
      | 'commit.unknown'
      | 'commit.unproved'
      | 'owner.lost'
      | 'manager.closed'
      | 'store.failed'
      | 'producer.failed'
      | 'provider.rate-limited'
      | 'provider.unauthorized'
      | 'provider.unavailable'
      | 'provider.refused'
      | 'provider.malformed'
      | 'provider.truncated'
      | 'provider.failed'
      | 'request.unauthorized'
      | 'request.forbidden-origin'
      | 'request.not-found'
      | 'request.method'
      | 'request.timeout'
      | 'request.too-large'
      | 'server.failed'
      | 'client.busy'
      | 'client.connection-lost'
      | 'client.unexpected-answer'
      | 'client.disposed'
    >()
  })

  test('all extend the base', () => {
    expectTypeOf<
      InstanceType<
        | typeof CapacityError
        | typeof CommitError
        | typeof CursorExpiredError
        | typeof IncompleteGenerationError
        | typeof InvalidOptionsError
        | typeof InvalidResultError
        | typeof JobAlreadyExistsError
        | typeof JobCancelledError
        | typeof JobConflictError
        | typeof JobNotFoundError
        | typeof LogLimitError
        | typeof ManagerClosedError
        | typeof StoreError
      >
    >().toExtend<GenerationJobError>()
  })

  test('name themselves; a cancel is named as model SDKs look for it', () => {
    expectTypeOf<JobCancelledError['name']>().toEqualTypeOf<'AbortError'>()
    expectTypeOf<StoreError['name']>().toEqualTypeOf<'StoreError'>()
    expectTypeOf<CommitError['name']>().toEqualTypeOf<'CommitError'>()
  })

  test('carry what a caller acts on', () => {
    expectTypeOf<JobCancelledError['reason']>().toEqualTypeOf<CancelReason>()
    expectTypeOf<JobCancelledError['jobId']>().toEqualTypeOf<string>()
    expectTypeOf<JobNotFoundError['jobId']>().toEqualTypeOf<string>()
    expectTypeOf<JobAlreadyExistsError['jobId']>().toEqualTypeOf<string>()
    expectTypeOf<JobAlreadyExistsError['status']>().toEqualTypeOf<JobStatus>()
    expectTypeOf<JobConflictError['jobId']>().toEqualTypeOf<string>()
    expectTypeOf<IncompleteGenerationError['finish']>().toEqualTypeOf<FinishReason>()
    expectTypeOf<InvalidResultError['issues'][number]['message']>().toEqualTypeOf<string>()
    expectTypeOf<InvalidResultError['issues'][number]['path']>().toEqualTypeOf<readonly PropertyKey[] | undefined>()
    expectTypeOf<InvalidOptionsError['issues']>().toEqualTypeOf<InvalidResultError['issues']>()
    expectTypeOf<CapacityError['limit']>().toEqualTypeOf<number>()
    expectTypeOf<CursorExpiredError['jobId']>().toEqualTypeOf<string>()
    expectTypeOf<CursorExpiredError['after']>().toEqualTypeOf<number>()
    expectTypeOf<StoreError['operation']>().toEqualTypeOf<string>()
  })

  test('an application may throw some of them itself', () => {
    expectTypeOf(InvalidResultError).toBeConstructibleWith('No node has this id.', [
      { message: 'missing', path: ['nodes', 3] },
    ])
    expectTypeOf(IncompleteGenerationError).toBeConstructibleWith('length')
    expectTypeOf(CommitError).constructorParameters.toExtend<
      ['commit.failed' | 'commit.unknown' | 'commit.unproved', string, ({ cause?: unknown } | undefined)?]
    >()
  })

  test('isGenerationJobError narrows unknown', () => {
    expectTypeOf(isGenerationJobError).guards.toEqualTypeOf<GenerationJobError>()
    const codeOf = (error: unknown): ErrorCode | undefined => (isGenerationJobError(error) ? error.code : undefined)
    expectTypeOf(codeOf).returns.toEqualTypeOf<ErrorCode | undefined>()
  })
})
