/**
 * The manager of jobs, its store in memory, the orchestrator, and everything that both are made of.
 *
 * @module generation-jobs
 */
export type { Awaitable } from './core/awaitable.js'
export type { CancelToken } from './core/cancel-token.js'
export type { CancelResult } from './core/cancellation.js'
export type { RunEnd } from './core/cleanup-stack.js'
export type { CommitFence } from './core/commit-gate.js'
export type { WaitResult } from './core/completion.js'
export type { DrainReport } from './core/drain.js'
export {
  CapacityError,
  CommitError,
  CursorExpiredError,
  GenerationJobError,
  IncompleteGenerationError,
  InvalidOptionsError,
  InvalidResultError,
  type Issue,
  isGenerationJobError,
  JobAlreadyExistsError,
  JobCancelledError,
  JobConflictError,
  JobNotFoundError,
  LogLimitError,
  ManagerClosedError,
  StoreError,
} from './core/errors.js'
export type {
  FinishReason,
  GenerationSource,
  LanguageModel,
  ModelChunk,
} from './core/generation-source.js'
export type { JobEnd } from './core/job-end.js'
export type { JobHandle } from './core/job-handle.js'
export type {
  AppendAnswer,
  CancelAnswer,
  CancelRequest,
  ClaimAnswer,
  CreateAnswer,
  EventsAnswer,
  JobFilter,
  JobRecord,
  JobStore,
  Lease,
  NewJob,
  OwnedOperation,
  RenewAnswer,
  SettleAnswer,
  StartAnswer,
  StartRequest,
  StoreFootprint,
  ViewerTouch,
} from './core/job-store.js'
export type { Logger } from './core/logger.js'
export { GenerationJobManager, type JobListFilter } from './core/manager.js'
export type { ManagerEvents } from './core/manager-events.js'
export type { ManagerStats } from './core/manager-stats.js'
export { createMemoryJobStore, type MemoryJobStoreOptions } from './core/memory/memory-job-store.js'
export type {
  CancelOptions,
  GenerationJobManagerOptions,
  OrchestratorOptions,
  RegisterOptions,
} from './core/options.js'
export { GenerationOrchestrator, type StageContext } from './core/orchestrator.js'
export type { JobOutcome } from './core/outcome.js'
export type { NotIterable, Producer, ProducerEvent } from './core/producer.js'
export type { RunContext, StreamResult } from './core/run-context.js'
export type { GenerationEvent } from './core/stand-alone-run.js'
export {
  CANCEL_KINDS,
  type CancelKind,
  type CancelReason,
  type CleanupStatus,
  type Clock,
  type CommitStatus,
  ERROR_CODES,
  type ErrorCode,
  JOB_STATUSES,
  type JobEvent,
  type JobSnapshot,
  type JobStatus,
  type Json,
  type JsonObject,
  type Locale,
  MESSAGES,
  type Messages,
  type Usage,
} from './protocol/index.js'
