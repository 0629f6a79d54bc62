import * as z from 'zod/mini'
import { type Clock, MAX_TIMER_MS } from '../protocol/clock.js'
import { JOB_STATUSES, type JobStatus } from '../protocol/job-status.js'
import { MESSAGES, type Messages } from '../protocol/messages.js'
import type { JobStore } from './job-store.js'
import type { Logger } from './logger.js'

/** Ids and names are bounded and cannot carry control characters into keys, headers or SSE fields. */
const MAX_NAME_LENGTH = 256
const MAX_TEXT_LENGTH = 2_000

const delay = z.number().check(z.minimum(0), z.maximum(MAX_TIMER_MS))
const positiveDelay = z.number().check(z.gt(0), z.maximum(MAX_TIMER_MS))
const limit = z.union(
  [z.int().check(z.minimum(1)), z.literal(Number.POSITIVE_INFINITY)],
  'expected a whole number above 0, or Infinity',
)
const delayOrOff = z.union(
  [positiveDelay, z.literal(false)],
  `expected milliseconds above 0 and at most ${MAX_TIMER_MS}, or false`,
)
export const name = z
  .string()
  .check(
    z.minLength(1),
    z.maxLength(MAX_NAME_LENGTH),
    z.regex(/^[^\p{Cc}\p{Zl}\p{Zp}\p{Cs}]*$/u, 'expected no control characters'),
  )
const text = z.string().check(z.maxLength(MAX_TEXT_LENGTH))
const disconnect = z.enum(['keep', 'cancel'])
const fn = z.custom<(...args: never[]) => unknown>((value) => typeof value === 'function', 'expected a function')
const methods = (...names: string[]) =>
  z.custom<object>(
    (value) =>
      typeof value === 'object' &&
      value !== null &&
      names.every((key) => typeof Reflect.get(value, key) === 'function'),
    `expected an object with ${names.join(', ')}`,
  )
const signal = z.custom<AbortSignal>(
  (value) => typeof value === 'object' && value !== null && 'aborted' in value && 'addEventListener' in value,
  'expected an AbortSignal',
)

const clock = methods('now', 'monotonic', 'setTimer', 'yieldMacrotask') as z.ZodMiniType<Clock>
const logger = z.union(
  [z.literal(false), methods('debug', 'info', 'warn', 'error') as z.ZodMiniType<Logger>],
  'expected false, or an object with debug, info, warn and error',
)

export const managerSchema = z
  .strictObject({
    store: z.optional(
      z.custom<JobStore>((value) => typeof value === 'object' && value !== null, 'expected a JobStore'),
    ),
    logger: z.optional(logger),
    locale: z._default(
      z.union(
        [z.enum(['fr', 'en']), z.custom<Messages>(isMessages, 'expected complete Messages')],
        `expected 'fr', 'en' or complete Messages`,
      ),
      'fr',
    ),
    gracePeriodMs: z._default(positiveDelay, 7_000),
    cancelTimeoutMs: z._default(positiveDelay, 9_000),
    commitTimeoutMs: z._default(positiveDelay, 30_000),
    deadlineMs: z._default(delayOrOff, 1_800_000),
    idleTimeoutMs: z._default(delayOrOff, 300_000),
    maxConcurrentJobs: z._default(limit, Number.POSITIVE_INFINITY),
    maxPendingJobs: z._default(
      z.union(
        [z.int().check(z.minimum(0)), z.literal(Number.POSITIVE_INFINITY)],
        'expected a whole number, or Infinity',
      ),
      1_000,
    ),
    maxJobsPerOwner: z._default(limit, Number.POSITIVE_INFINITY),
    retentionMs: z._default(delay, 900_000),
    maxLogEvents: z._default(limit, 100_000),
    maxLogBytes: z._default(limit, 8 * 1024 * 1024),
    maxResultBytes: z._default(limit, 1024 * 1024),
    onDisconnect: z._default(disconnect, 'keep'),
    disconnectGraceMs: z._default(delay, 10_000),
    storeTimeoutMs: z.optional(positiveDelay),
    describeError: z.optional(fn),
    clock: z.optional(clock),
  })
  .check(
    z.refine((o) => o.gracePeriodMs < o.cancelTimeoutMs, {
      path: ['cancelTimeoutMs'],
      message: 'expected cancelTimeoutMs above gracePeriodMs, so that the answer can wait for the settle',
    }),
  )
  .check(
    z.refine((o) => o.storeTimeoutMs === undefined || o.storeTimeoutMs < o.cancelTimeoutMs - o.gracePeriodMs, {
      path: ['storeTimeoutMs'],
      message: 'expected storeTimeoutMs below cancelTimeoutMs - gracePeriodMs',
    }),
  )

export const registerSchema = z.strictObject({
  jobId: z.optional(name),
  owner: z.optional(name),
  metadata: z.optional(
    z.custom<object>((value) => typeof value === 'object' && value !== null, 'expected a JSON object'),
  ),
  deadlineMs: z.optional(delayOrOff),
  idleTimeoutMs: z.optional(delayOrOff),
  signal: z.optional(signal),
  idempotencyKey: z.optional(name),
  requestFingerprint: z.optional(name),
  group: z.optional(name),
  onConflict: z.optional(z.enum(['allow', 'reject', 'replace'])),
  onDisconnect: z.optional(disconnect),
  disconnectGraceMs: z.optional(delay),
})

export const cancelSchema = z.strictObject({
  kind: z.optional(z.enum(['user', 'replaced', 'shutdown'])),
  by: z.optional(name),
  message: z.optional(text),
  timeoutMs: z.optional(delay),
})
export const waitSchema = z.strictObject({ timeoutMs: z.optional(delay), signal: z.optional(signal) })
export const eventsSchema = z.strictObject({
  after: z.optional(z.int().check(z.minimum(0))),
  signal: z.optional(signal),
  viewer: z.optional(z.boolean()),
})
const status = z.enum(JOB_STATUSES as [JobStatus, ...JobStatus[]])
export const filterSchema = z.strictObject({
  owner: z.optional(name),
  group: z.optional(name),
  status: z.optional(z.union([status, z.array(status)])),
})
export const drainSchema = z.strictObject({ timeoutMs: z.optional(delay) })

export const memoryStoreSchema = z.strictObject({
  maxRetainedBytes: z._default(z.number().check(z.gt(0)), 256 * 1024 * 1024),
  leaseMs: z._default(positiveDelay, 6_000),
  clock: z.optional(clock),
})

export const orchestratorSchema = z.strictObject({
  clock: z.optional(clock),
  logger: z.optional(logger),
  gracePeriodMs: z.optional(positiveDelay),
  commitTimeoutMs: z.optional(positiveDelay),
})

/** What a manager's options are after the defaults. */
export type ManagerValues = z.output<typeof managerSchema>

function isMessages(value: unknown): boolean {
  return hasShape(value, MESSAGES.en)
}

function hasShape(value: unknown, shape: object): boolean {
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(shape).every(([key, part]) => {
    const member: unknown = Reflect.get(value, key)
    return typeof part === 'string' ? typeof member === 'string' : hasShape(member, part as object)
  })
}
