import { type GenerationJobError, type Issue, isGenerationJobError } from '../core/errors.js'
import type { ErrorCode } from '../protocol/error-code.js'
import type { Messages } from '../protocol/messages.js'
import { HttpError } from './http-error.js'
import { jsonResponse } from './json-response.js'

/** Seconds until a request that found no place, or no store, may be sent again. */
const RETRY_AFTER_SECONDS = '5'

/** Errors of the library that are an answer; every other error is a fault of the server. */
const STATUS_OF: Partial<Record<ErrorCode, number>> = {
  'job.not-found': 404,
  'job.exists': 409,
  'job.conflict': 409,
  'idempotency.conflict': 422,
  'cursor.expired': 410,
  'capacity.pending': 429,
  'capacity.owner': 429,
  'manager.closed': 503,
  'store.failed': 503,
}

/** The answer that an error stands for; whatever nobody foresaw is a bare 500. */
export function toHttpError(error: unknown): HttpError {
  if (error instanceof HttpError) return error
  const status = isGenerationJobError(error) ? STATUS_OF[error.code as ErrorCode] : undefined
  if (status === undefined) return new HttpError(500, 'server.failed')
  const headers = status === 429 || status === 503 ? { 'retry-after': RETRY_AFTER_SECONDS } : undefined
  return new HttpError(status, (error as GenerationJobError).code as ErrorCode, { headers })
}

/** `{ error: { code, message, issues? } }`: our words for the code, never those of an exception. */
export function errorResponse({ status, code, issues, headers }: HttpError, messages: Messages): Response {
  const error = { code, message: messages.errors[code], ...(issues && { issues: issues.map(wireIssue) }) }
  return jsonResponse(status, { error }, headers)
}

function wireIssue({ message, path = [] }: Issue): { message: string; path: (string | number)[] } {
  return { message, path: path.map((key) => (typeof key === 'number' ? key : String(key))) }
}
