export { GenerationJobError, isGenerationJobError } from './base-error.js'
export { CANCEL_KINDS, type CancelKind, type CancelReason } from './cancel-reason.js'
export { type Clock, MAX_TIMER_MS } from './clock.js'
export { ERROR_CODES, type ErrorCode, isErrorCode } from './error-code.js'
export {
  type CancellingEvent,
  type ContentEvent,
  isTerminalEvent,
  type JobEvent,
  type JobEventBody,
  type TerminalEvent,
} from './job-event.js'
export type { CleanupStatus, CommitStatus, JobSnapshot, OmittedResult, Usage } from './job-snapshot.js'
export {
  canTransition,
  isSettled,
  JOB_STATUSES,
  type JobStatus,
  type LiveStatus,
  type SettledStatus,
  TRANSITIONS,
} from './job-status.js'
export type { Json, JsonObject } from './json.js'
export {
  cancelledMessage,
  errorMessage,
  type Locale,
  MESSAGES,
  type Messages,
  messagesOf,
} from './messages.js'
export {
  DEFAULT_BASE_PATH,
  IDEMPOTENCY_KEY_HEADER,
  LAST_EVENT_ID_HEADER,
  WIRE_VERSION,
  WIRE_VERSION_HEADER,
} from './wire.js'
