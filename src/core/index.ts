export type { CancelToken } from './cancel-token.js'
export type { CancelResult } from './cancellation.js'
export type { RunEnd } from './cleanup-stack.js'
export type { CommitFence } from './commit-gate.js'
export type { WaitResult } from './completion.js'
export type { DrainReport } from './drain.js'
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
} from './errors.js'
export type {
  Awaitable,
  FinishReason,
  GenerationSource,
  LanguageModel,
  ModelChunk,
} from './generation-source.js'
export type { JobEnd } from './job-end.js'
export type { JobHandle } from './job-handle.js'
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
} from './job-store.js'
export type { Logger } from './logger.js'
export { GenerationJobManager, type JobListFilter } from './manager.js'
export type { ManagerEvents } from './manager-events.js'
export type { ManagerStats } from './manager-stats.js'
export { createMemoryJobStore, type MemoryJobStoreOptions } from './memory/memory-job-store.js'
export type {
  CancelOptions,
  GenerationJobManagerOptions,
  OrchestratorOptions,
  RegisterOptions,
} from './options.js'
export { GenerationOrchestrator, type StageContext } from './orchestrator.js'
export type { JobOutcome } from './outcome.js'
export type { NotIterable, Producer, ProducerEvent } from './producer.js'
export type { RunContext, StreamResult } from './run-context.js'
export type { GenerationEvent } from './stand-alone-run.js'
