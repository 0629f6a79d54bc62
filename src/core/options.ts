import { z } from 'zod'
import { type Clock, MAX_TIMER_MS } from '../protocol/clock.js'
import { JOB_STATUSES, type JobStatus } from '../protocol/job-status.js'
import type { JsonObject } from '../protocol/json.js'
import { type Locale, MESSAGES, type Messages } from '../protocol/messages.js'
import { InvalidOptionsError, kindOf, show } from './errors.js'
import type { JobStore } from './job-store.js'
import { jsonCopy } from './json-copy.js'
import type { Logger } from './logger.js'

/** Options of a manager. Times are milliseconds. */
export interface GenerationJobManagerOptions {
  /** Where jobs are recorded; two managers on one memory store behave as two nodes. @defaultValue `createMemoryJobStore()` */
  store?: JobStore | undefined
  /** @defaultValue a pino logger on stdout; `false` turns logging off */
  logger?: Logger | false | undefined
  /** Language of log lines. @defaultValue `'fr'` */
  locale?: Locale | undefined
  /** What producer and cleanups get together to end; the producer at most half of it. @defaultValue 7_000 */
  gracePeriodMs?: number | undefined
  /** Limit of every answer to `cancel()`; above `gracePeriodMs`, below the client's 10_000. @defaultValue 9_000 */
  cancelTimeoutMs?: number | undefined
  /** Limit of one `save`. @defaultValue 30_000 */
  commitTimeoutMs?: number | undefined
  /** From register to the cancel with kind `deadline`, queue time included. @defaultValue 1_800_000 */
  deadlineMs?: number | false | undefined
  /** Without any event while running, the first included, until the cancel with kind `idle`. @defaultValue 300_000 */
  idleTimeoutMs?: number | false | undefined
  /** Jobs that run at once in this process; others wait as `pending`. @defaultValue Infinity */
  maxConcurrentJobs?: number | undefined
  /** Jobs that may wait in this process. @defaultValue 1_000 */
  maxPendingJobs?: number | undefined
  /** Pending and running jobs of one owner in this process. @defaultValue Infinity */
  maxJobsPerOwner?: number | undefined
  /** How long a settled job can be read and replayed. @defaultValue 900_000 */
  retentionMs?: number | undefined
  /** Events of one job; terminal events do not count. @defaultValue 100_000 */
  maxLogEvents?: number | undefined
  /** Bytes of the texts and JSON of one job's events. @defaultValue 8 MiB */
  maxLogBytes?: number | undefined
  /** Bytes of a result as JSON in the record. @defaultValue 1 MiB */
  maxResultBytes?: number | undefined
  /** What happens when no viewer is left. @defaultValue `'keep'` */
  onDisconnect?: 'keep' | 'cancel' | undefined
  /** How long a job goes on without viewer, with `onDisconnect: 'cancel'`. @defaultValue 10_000 */
  disconnectGraceMs?: number | undefined
  /** Limit of one call of the store. @defaultValue three quarters of `cancelTimeoutMs - gracePeriodMs`, below which it must stay */
  storeTimeoutMs?: number | undefined
  /** The application's own words about a producer's error, shown in log, record and on the wire. */
  describeError?:
    | ((error: unknown) => { code?: string | undefined; message?: string | undefined } | undefined)
    | undefined
  /** The only source of time. @defaultValue the system clock */
  clock?: Clock | undefined
}

/** Options of one job. Times are milliseconds. */
export interface RegisterOptions {
  /** Unique per generation, never a conversation's id. @defaultValue a random UUID */
  jobId?: string | undefined
  /** Whose job it is. */
  owner?: string | undefined
  /** A JSON object kept in the record. */
  metadata?: object | undefined
  /** @defaultValue the manager's */
  deadlineMs?: number | false | undefined
  /** @defaultValue the manager's */
  idleTimeoutMs?: number | false | undefined
  /** The caller's own signal: aborting it cancels the job with kind `signal`. */
  signal?: AbortSignal | undefined
  /** The same key of the same owner gives the same job, until it is swept. */
  idempotencyKey?: string | undefined
  /** The same key with another fingerprint is a {@link JobConflictError}. */
  requestFingerprint?: string | undefined
  /** A conversation of the owner. */
  group?: string | undefined
  /** @defaultValue `'allow'`: the group is only an index. Else at most one live job per group. */
  onConflict?: 'allow' | 'reject' | 'replace' | undefined
  /** @defaultValue the manager's */
  onDisconnect?: 'keep' | 'cancel' | undefined
  /** @defaultValue the manager's */
  disconnectGraceMs?: number | undefined
}

/** Options of a cancel. */
export interface CancelOptions {
  /** @defaultValue `'user'` */
  kind?: 'user' | 'replaced' | 'shutdown' | undefined
  /** Who asked, for record and log. */
  by?: string | undefined
  /** Free text for record and log. */
  message?: string | undefined
  /**
   * How long this caller waits for the settle, milliseconds; above `cancelTimeoutMs` it counts as that. The store's answer to the
   * request is waited for in any case (at most `storeTimeoutMs`), so that nothing is claimed that is not recorded.
   */
  timeoutMs?: number | undefined
}

/** Options of an orchestrator, for its stand-alone runs; a manager's own values win. Times are milliseconds. */
export interface OrchestratorOptions {
  /** @defaultValue the system clock */
  clock?: Clock | undefined
  /** @defaultValue a pino logger on stdout; `false` turns logging off */
  logger?: Logger | false | undefined
  /** @defaultValue 7_000 */
  gracePeriodMs?: number | undefined
  /** @defaultValue 30_000 */
  commitTimeoutMs?: number | undefined
}

/** Ids and names are bounded and cannot carry control characters into keys, headers or SSE fields. */
const MAX_NAME_LENGTH = 256
const MAX_TEXT_LENGTH = 2_000

const delay = z.number().min(0).max(MAX_TIMER_MS)
const positiveDelay = z.number().gt(0).max(MAX_TIMER_MS)
const limit = z.union(
  [z.int().min(1), z.literal(Number.POSITIVE_INFINITY)],
  'expected a whole number above 0, or Infinity',
)
const delayOrOff = z.union(
  [positiveDelay, z.literal(false)],
  `expected milliseconds above 0 and at most ${MAX_TIMER_MS}, or false`,
)
const name = z
  .string()
  .min(1)
  .max(MAX_NAME_LENGTH)
  .regex(/^[^\p{Cc}\p{Zl}\p{Zp}\p{Cs}]*$/u, 'expected no control characters')
const text = z.string().max(MAX_TEXT_LENGTH)
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

const clock = methods('now', 'monotonic', 'setTimer', 'yieldMacrotask') as z.ZodType<Clock>
const logger = z.union(
  [z.literal(false), methods('debug', 'info', 'warn', 'error') as z.ZodType<Logger>],
  'expected false, or an object with debug, info, warn and error',
)

const managerSchema = z
  .strictObject({
    store: z.custom<JobStore>((value) => typeof value === 'object' && value !== null, 'expected a JobStore').optional(),
    logger: logger.optional(),
    locale: z
      .union(
        [z.enum(['fr', 'en']), z.custom<Messages>(isMessages, 'expected complete Messages')],
        `expected 'fr', 'en' or complete Messages`,
      )
      .default('fr'),
    gracePeriodMs: positiveDelay.default(7_000),
    cancelTimeoutMs: positiveDelay.default(9_000),
    commitTimeoutMs: positiveDelay.default(30_000),
    deadlineMs: delayOrOff.default(1_800_000),
    idleTimeoutMs: delayOrOff.default(300_000),
    maxConcurrentJobs: limit.default(Number.POSITIVE_INFINITY),
    maxPendingJobs: z
      .union([z.int().min(0), z.literal(Number.POSITIVE_INFINITY)], 'expected a whole number, or Infinity')
      .default(1_000),
    maxJobsPerOwner: limit.default(Number.POSITIVE_INFINITY),
    retentionMs: delay.default(900_000),
    maxLogEvents: limit.default(100_000),
    maxLogBytes: limit.default(8 * 1024 * 1024),
    maxResultBytes: limit.default(1024 * 1024),
    onDisconnect: disconnect.default('keep'),
    disconnectGraceMs: delay.default(10_000),
    storeTimeoutMs: positiveDelay.optional(),
    describeError: fn.optional(),
    clock: clock.optional(),
  })
  .refine((o) => o.gracePeriodMs < o.cancelTimeoutMs, {
    path: ['cancelTimeoutMs'],
    message: 'expected cancelTimeoutMs above gracePeriodMs, so that the answer can wait for the settle',
  })
  .refine((o) => o.storeTimeoutMs === undefined || o.storeTimeoutMs < o.cancelTimeoutMs - o.gracePeriodMs, {
    path: ['storeTimeoutMs'],
    message: 'expected storeTimeoutMs below cancelTimeoutMs - gracePeriodMs',
  })

const registerSchema = z.strictObject({
  jobId: name.optional(),
  owner: name.optional(),
  metadata: z
    .custom<object>((value) => typeof value === 'object' && value !== null, 'expected a JSON object')
    .optional(),
  deadlineMs: delayOrOff.optional(),
  idleTimeoutMs: delayOrOff.optional(),
  signal: signal.optional(),
  idempotencyKey: name.optional(),
  requestFingerprint: name.optional(),
  group: name.optional(),
  onConflict: z.enum(['allow', 'reject', 'replace']).optional(),
  onDisconnect: disconnect.optional(),
  disconnectGraceMs: delay.optional(),
})

const cancelSchema = z.strictObject({
  kind: z.enum(['user', 'replaced', 'shutdown']).optional(),
  by: name.optional(),
  message: text.optional(),
  timeoutMs: delay.optional(),
})
const waitSchema = z.strictObject({ timeoutMs: delay.optional(), signal: signal.optional() })
const eventsSchema = z.strictObject({
  after: z.int().min(0).optional(),
  signal: signal.optional(),
  viewer: z.boolean().optional(),
})
const status = z.enum(JOB_STATUSES as [JobStatus, ...JobStatus[]])
const filterSchema = z.strictObject({
  owner: name.optional(),
  group: name.optional(),
  status: z.union([status, z.array(status)]).optional(),
})
const drainSchema = z.strictObject({ timeoutMs: delay.optional() })

const memoryStoreSchema = z.strictObject({
  maxRetainedBytes: z
    .number()
    .gt(0)
    .default(256 * 1024 * 1024),
  leaseMs: positiveDelay.default(6_000),
  clock: clock.optional(),
})

const orchestratorSchema = z.strictObject({
  clock: clock.optional(),
  logger: logger.optional(),
  gracePeriodMs: positiveDelay.optional(),
  commitTimeoutMs: positiveDelay.optional(),
})

/** A manager's options with all defaults, frozen. `store`, `logger` and `clock` are made by the manager where they are missing. */
export type ResolvedOptions = Readonly<
  Omit<z.output<typeof managerSchema>, 'storeTimeoutMs' | 'describeError'> & {
    storeTimeoutMs: number
    describeError: GenerationJobManagerOptions['describeError']
  }
>

/** @throws {InvalidOptionsError} */
export function resolveManagerOptions(options: GenerationJobManagerOptions = {}): ResolvedOptions {
  const parsed = check(managerSchema, 'GenerationJobManager options', options)
  const storeTimeoutMs = parsed.storeTimeoutMs ?? ((parsed.cancelTimeoutMs - parsed.gracePeriodMs) * 3) / 4
  const describeError = parsed.describeError as GenerationJobManagerOptions['describeError']
  return Object.freeze({ ...parsed, storeTimeoutMs, describeError })
}

const NO_OPTIONS = Object.freeze({})

/** @throws {InvalidOptionsError} */
export function checkRegisterOptions(options: RegisterOptions | undefined): RegisterOptions {
  return options === undefined ? NO_OPTIONS : check(registerSchema, 'register() options', options)
}

/** @throws {InvalidOptionsError} */
export function checkCancelOptions(options: CancelOptions | undefined): CancelOptions {
  return options === undefined ? NO_OPTIONS : check(cancelSchema, 'cancel() options', options)
}

/** @throws {InvalidOptionsError} */
export function checkWaitOptions(options: object | undefined) {
  return check(waitSchema, 'waitForCompletion() options', options ?? NO_OPTIONS)
}

/** @throws {InvalidOptionsError} */
export function checkEventsOptions(options: object | undefined) {
  return check(eventsSchema, 'events() options', options ?? NO_OPTIONS)
}

/** @throws {InvalidOptionsError} */
export function checkFilter(filter: object | undefined) {
  const { owner, group, status } = check(filterSchema, 'filter', filter ?? NO_OPTIONS)
  return { owner, group, status: typeof status === 'string' ? [status] : status }
}

/** @throws {InvalidOptionsError} */
export function checkDrainOptions(options: object | undefined) {
  return check(drainSchema, 'drain() options', options ?? NO_OPTIONS)
}

/** @throws {InvalidOptionsError} */
export function checkMemoryStoreOptions(options: object | undefined) {
  return check(memoryStoreSchema, 'createMemoryJobStore options', options ?? NO_OPTIONS)
}

/** @throws {InvalidOptionsError} */
export function checkOrchestratorOptions(options: OrchestratorOptions | undefined): OrchestratorOptions {
  return check(orchestratorSchema, 'GenerationOrchestrator options', options ?? NO_OPTIONS)
}

/** @throws {InvalidOptionsError} */
export function checkJobId(jobId: unknown): string {
  if (typeof jobId === 'string' && /^[\w.:-]{1,64}$/.test(jobId)) return jobId // nearly all of them, a hundred times faster
  const result = name.safeParse(jobId)
  if (!result.success) throw invalid('jobId', result.error, jobId)
  return result.data
}

/** A frozen copy of a JSON object. @throws {InvalidOptionsError} when it is not one */
export function checkJsonObject(what: string, value: unknown): JsonObject {
  const json = typeof value === 'object' && value !== null && !Array.isArray(value) ? jsonCopy(value) : undefined
  if (json === undefined) {
    throw new InvalidOptionsError(
      `${what}: expected a JSON object (plain, without cycles, functions, dates, bigints), got ${kindOf(value)}.`,
    )
  }
  return json as JsonObject
}

function check<S extends z.ZodType>(schema: S, what: string, value: unknown): z.output<S> {
  const result = schema.safeParse(value)
  if (!result.success) throw invalid(what, result.error, value)
  return result.data
}

/** What was expected, what came, and where. */
function invalid(what: string, error: z.ZodError, value: unknown): InvalidOptionsError {
  const issues = error.issues.map((issue) => {
    const got = show(
      issue.path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], value),
    )
    const at = issue.path.length > 0 ? `${issue.path.join('.')}: ` : ''
    const hint = issue.code === 'unrecognized_keys' ? '; remove it or check its spelling' : `, got ${got}`
    return { message: `${at}${issue.message}${hint}`, path: issue.path }
  })
  return new InvalidOptionsError(`Invalid ${what}: ${issues.map((issue) => issue.message).join('; ')}.`, issues)
}

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
