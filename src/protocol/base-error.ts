import type { ErrorCode } from './error-code.js'

/** Survives a second copy of this package (ESM beside CJS), where `instanceof` does not. */
const BRAND = Symbol.for('generation-jobs.error')

/** Base of every error this library throws. Tell errors apart by `code`, which is stable, not by the message. */
export abstract class GenerationJobError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.code = code
  }
}

// Once for all: set on each error it was a quarter of making one (measured).
Object.defineProperty(GenerationJobError.prototype, BRAND, { value: true })

/** Whether `error` comes from this library, also when it was thrown by another copy of it. */
export function isGenerationJobError(error: unknown): error is GenerationJobError {
  return typeof error === 'object' && error !== null && BRAND in error
}
