import type { Clock } from '../protocol/clock.js'
import type { Locale } from '../protocol/messages.js'
import type { JobStore } from './job-store.js'
import type { Logger } from './logger.js'
import type { ManagerValues } from './option-schemas.js'

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

/** A manager's options with all defaults, frozen. `store`, `logger` and `clock` are made by the manager where they are missing. */
export type ResolvedOptions = Readonly<
  Omit<ManagerValues, 'storeTimeoutMs' | 'describeError'> & {
    storeTimeoutMs: number
    describeError: GenerationJobManagerOptions['describeError']
  }
>
