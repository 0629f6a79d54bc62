import { isGenerationJobError } from '../protocol/base-error.js'
import { defined } from './defined.js'
import type { GenerationJobManagerOptions } from './options.js'

/** What may be said about an error in log, record and on the wire. */
export interface DescribedError {
  readonly code: string
  readonly message: string
  /** The application's own words; the only message that goes on the wire. */
  readonly publicMessage?: string
}

/**
 * Describes an error without its message, unless it is ours or the application gave its own words: providers put keys,
 * prompts and completions into their messages. Name, code and HTTP status are kept.
 */
export function describeError(error: unknown, describe: GenerationJobManagerOptions['describeError']): DescribedError {
  const own = isGenerationJobError(error) ? { code: error.code, message: error.message } : undefined
  const told = describedByApplication(error, describe)
  return defined({
    code: told?.code ?? own?.code ?? 'producer.failed',
    message: told?.message ?? own?.message ?? `The producer failed (${safeDescription(error)}).`,
    publicMessage: told?.message,
  })
}

/** Name, code and HTTP status of an error, each only if it looks like one; for log lines. */
export function safeErrorFields(error: unknown): {
  error_name: string
  error_code?: string
  http_status?: number
} {
  const { code, status } = (typeof error === 'object' && error !== null ? error : {}) as {
    code?: unknown
    status?: unknown
  }
  return {
    error_name: safeName(error),
    ...(typeof code === 'string' && /^[\w.:-]{1,64}$/.test(code) ? { error_code: code } : undefined),
    ...(typeof status === 'number' && status >= 100 && status < 600 ? { http_status: status } : undefined),
  }
}

function safeDescription(error: unknown): string {
  const { error_name, error_code, http_status } = safeErrorFields(error)
  return [error_name, error_code, http_status && `HTTP ${http_status}`].filter(Boolean).join(', ')
}

function safeName(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  try {
    return /^[\w$]{1,64}$/.test(error.name) ? error.name : 'Error'
  } catch {
    return 'Error'
  }
}

function describedByApplication(error: unknown, describe: GenerationJobManagerOptions['describeError']) {
  try {
    const { code, message } = describe?.(error) ?? {}
    return {
      code: typeof code === 'string' && code !== '' ? code : undefined,
      message: typeof message === 'string' ? message : undefined,
    }
  } catch {
    return undefined // the application's description failed; ours stands
  }
}
