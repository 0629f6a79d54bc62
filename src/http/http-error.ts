import type { Issue } from '../core/errors.js'
import type { ErrorCode } from '../protocol/error-code.js'

/** Ends a request with an answer of this status. */
export class HttpError extends Error {
  override readonly name = 'HttpError'
  readonly status: number
  readonly code: ErrorCode
  readonly issues: readonly Issue[] | undefined
  readonly headers: Readonly<Record<string, string>>

  constructor(
    status: number,
    code: ErrorCode,
    details: { issues?: readonly Issue[] | undefined; headers?: Readonly<Record<string, string>> | undefined } = {},
  ) {
    super(`HTTP ${status} (${code})`)
    this.status = status
    this.code = code
    this.issues = details.issues
    this.headers = details.headers ?? {}
  }
}
