import { type GenerationJobError, isGenerationJobError } from '../core/errors.js'
import { ProviderError, type ProviderErrorCode } from './provider-error.js'

/** How deep SDKs wrap the error that matters: a retry error around an API error around fetch's around the socket's. */
const MAX_DEPTH = 6

/** What providers call a fault inside a stream, where no HTTP status says it; with the code that its status would have had. */
const CODE_BY_TYPE: Record<string, ProviderErrorCode> = {
  authentication_error: 'provider.unauthorized',
  invalid_api_key: 'provider.unauthorized',
  permission_error: 'provider.unauthorized',
  insufficient_quota: 'provider.rate-limited',
  rate_limit_error: 'provider.rate-limited',
  rate_limit_exceeded: 'provider.rate-limited',
  api_error: 'provider.unavailable',
  overloaded_error: 'provider.unavailable',
  server_error: 'provider.unavailable',
  timeout_error: 'provider.unavailable',
  billing_error: 'provider.refused',
  content_policy_violation: 'provider.refused',
  context_length_exceeded: 'provider.refused',
  invalid_prompt: 'provider.refused',
  invalid_request_error: 'provider.refused',
  not_found_error: 'provider.refused',
  request_too_large: 'provider.refused',
}

/** Names of errors, of any SDK, for an answer that cannot be read. */
const UNREADABLE =
  /^(SyntaxError|AI_(JSONParse|TypeValidation|InvalidResponseData|InvalidStreamPart|EmptyResponseBody)Error)$/
/** Names and codes of errors for a connection that failed, broke or took too long. */
const DISCONNECTED =
  /^(API)?Connection\w*Error$|Timeout(Error)?$|^E[A-Z_]*(CONN|NOTFOUND|AGAIN|TIMEDOUT|PIPE|UNREACH)|^UND_ERR_|PREMATURE_CLOSE/
/** What fetch says for the same; its errors have no code of their own. */
const FETCH_DISCONNECTED = /^(terminated|fetch failed|network error)$/i

const MESSAGES: Record<ProviderErrorCode, string> = {
  'provider.rate-limited': 'The model provider limits the rate',
  'provider.unauthorized': 'The model provider refused the credentials',
  'provider.unavailable': 'The model provider cannot be reached, is overloaded or broke the connection',
  'provider.refused': 'The model provider refused the request',
  'provider.malformed': 'The model provider sent something that cannot be read',
  'provider.truncated': 'The stream of the model provider ended without a finish reason',
  'provider.failed': 'The model provider failed',
}

/** The error for a code, in our words. */
export function providerFailure(
  code: ProviderErrorCode,
  options: { cause?: unknown; status?: number | undefined } = {},
): ProviderError {
  const status = options.status === undefined ? '' : ` (HTTP ${options.status})`
  return new ProviderError(code, `${MESSAGES[code]}${status}.`, options)
}

/** The error for what an SDK threw or sent; the same status gives the same code with every SDK. Ours pass as they are. */
export function toProviderError(cause: unknown): GenerationJobError {
  if (isGenerationJobError(cause)) return cause
  const chain = causesOf(cause)
  for (const error of chain) {
    const status = statusOf(error)
    if (status !== undefined) return providerFailure(codeOfStatus(status), { cause, status })
  }
  for (const error of chain) {
    const code = codeOfError(error)
    if (code !== undefined) return providerFailure(code, { cause })
  }
  return providerFailure('provider.failed', { cause })
}

function codeOfStatus(status: number): ProviderErrorCode {
  if (status === 401 || status === 403) return 'provider.unauthorized'
  if (status === 429) return 'provider.rate-limited'
  if (status === 408 || status >= 500) return 'provider.unavailable'
  return 'provider.refused'
}

/** An error and those it wraps, from the outside in. */
function causesOf(error: unknown): object[] {
  const found: object[] = []
  for (let at: unknown = error; isObject(at) && found.length < MAX_DEPTH; ) {
    found.push(at)
    // AI SDK's RetryError has a `lastError`; OpenAI and Anthropic keep the body of the answer in `error`.
    at = member(at, 'lastError') ?? member(at, 'cause') ?? member(at, 'error')
  }
  return found
}

function statusOf(error: object): number | undefined {
  const status = member(error, 'status') ?? member(error, 'statusCode')
  return typeof status === 'number' && status >= 400 && status < 600 ? status : undefined
}

function codeOfError(error: object): ProviderErrorCode | undefined {
  for (const key of ['code', 'type']) {
    const type = member(error, key)
    if (isString(type) && Object.hasOwn(CODE_BY_TYPE, type)) return CODE_BY_TYPE[type]
  }
  // An SDK may leave `name` at 'Error' and tell its errors apart by class.
  const names = [member(error, 'name'), error.constructor?.name, member(error, 'code')].filter(isString)
  if (names.some((part) => UNREADABLE.test(part))) return 'provider.malformed'
  if (names.some((part) => DISCONNECTED.test(part))) return 'provider.unavailable'
  const message = member(error, 'message')
  return isString(message) && FETCH_DISCONNECTED.test(message) ? 'provider.unavailable' : undefined
}

function isString(value: unknown): value is string {
  return typeof value === 'string'
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function member(object: object, key: string): unknown {
  try {
    return Reflect.get(object, key) ?? undefined
  } catch {
    return undefined // a getter of theirs; the source has to fail all the same
  }
}
