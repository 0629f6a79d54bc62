import { GenerationJobError } from '../core/errors.js'
import type { ErrorCode } from '../protocol/error-code.js'

/** The codes of `ERROR_CODES` that name a fault of a model provider. */
export type ProviderErrorCode = Extract<ErrorCode, `provider.${string}`>

/**
 * A model provider, or the way to it, failed. The message is ours and holds no header, key, prompt or answer; the SDK's own error,
 * which may, is the `cause`.
 */
export class ProviderError extends GenerationJobError {
  override readonly name = 'ProviderError'
  declare readonly code: ProviderErrorCode
  /** HTTP status of the provider's answer, where it was the fault. */
  readonly status: number | undefined

  constructor(
    code: ProviderErrorCode,
    message: string,
    options: { cause?: unknown; status?: number | undefined } = {},
  ) {
    const { status, ...rest } = options
    super(code, message, rest)
    this.status = status
  }
}
