import {
  type Clock,
  createMemoryJobStore,
  type GenerationJobManagerOptions,
  type JobEvent,
  type JobStore,
  type Locale,
  type Logger,
  MESSAGES,
  type Messages,
} from 'generation-jobs'
import type { VirtualClock } from 'generation-jobs/testing'
import type { Logger as Pino } from 'pino'
import { describe, expectTypeOf, test } from 'vitest'

describe('Clock', () => {
  test('is the only source of time', () => {
    expectTypeOf<keyof Clock>().toEqualTypeOf<'now' | 'monotonic' | 'setTimer' | 'yieldMacrotask'>()
    expectTypeOf<Clock['now']>().toEqualTypeOf<() => number>()
    expectTypeOf<Clock['monotonic']>().toEqualTypeOf<() => number>()
    expectTypeOf<Clock['setTimer']>().toEqualTypeOf<
      (ms: number, fn: () => void, options?: { unref?: boolean | undefined }) => () => void
    >()
    expectTypeOf<Clock['yieldMacrotask']>().toEqualTypeOf<() => Promise<void>>()
  })

  test('is what a virtual clock is', () => {
    expectTypeOf<VirtualClock>().toExtend<Clock>()
  })
})

describe('Logger', () => {
  test('has four methods that take fields and a message', () => {
    expectTypeOf<keyof Logger>().toEqualTypeOf<'debug' | 'info' | 'warn' | 'error'>()
    expectTypeOf<Logger['info']>().toEqualTypeOf<(fields: object, message: string) => void>()
    expectTypeOf<Logger['debug']>().toEqualTypeOf<Logger['info']>()
    expectTypeOf<Logger['warn']>().toEqualTypeOf<Logger['info']>()
    expectTypeOf<Logger['error']>().toEqualTypeOf<Logger['info']>()
  })

  test('is what pino is, and what the console is', () => {
    expectTypeOf<Pino>().toExtend<Logger>()
    expectTypeOf<Console>().toExtend<Logger>()
  })
})

describe('JobStore', () => {
  test('is a public type, so that a store can be written outside', () => {
    expectTypeOf<NonNullable<GenerationJobManagerOptions['store']>>().toEqualTypeOf<JobStore>()
    expectTypeOf<JobStore>().not.toBeAny()
  })

  test('may answer each call with a value or a promise', () => {
    const slow = (store: JobStore): JobStore => ({
      ...store,
      read: async (jobId) => store.read(jobId),
      append: async (...append) => store.append(...append),
      sweep: async () => store.sweep(),
    })
    expectTypeOf(slow).returns.toEqualTypeOf<JobStore>()
    expectTypeOf<Parameters<JobStore['append']>[2]>().toEqualTypeOf<readonly JobEvent[]>()
  })

  test('in memory takes these options, all of them optional', () => {
    expectTypeOf(createMemoryJobStore).returns.toEqualTypeOf<JobStore>()
    expectTypeOf(createMemoryJobStore).parameter(0).branded.toEqualTypeOf<
      | {
          maxRetainedBytes?: number | undefined
          leaseMs?: number | undefined
          clock?: Clock | undefined
        }
      | undefined
    >()
    expectTypeOf(createMemoryJobStore).toBeCallableWith()
  })
})

describe('Messages', () => {
  test('can be replaced as a whole', () => {
    expectTypeOf<Locale>().toEqualTypeOf<'fr' | 'en' | Messages>()
    expectTypeOf(MESSAGES.fr).toEqualTypeOf<Messages>()
    expectTypeOf(MESSAGES.en).toEqualTypeOf<Messages>()
    const own: Messages = { ...MESSAGES.en, interrupted: 'Stopped' }
    expectTypeOf(own).toExtend<NonNullable<GenerationJobManagerOptions['locale']>>()
  })
})
