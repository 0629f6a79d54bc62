import type { StandardSchemaV1 } from '@standard-schema/spec'
import { InvalidOptionsError, type Issue } from '../core/errors.js'
import type { RegisterOptions } from '../core/options.js'
import { IDEMPOTENCY_KEY_HEADER } from '../protocol/wire.js'
import { canonicalJson } from './canonical-json.js'
import { HttpError } from './http-error.js'
import { jsonResponse } from './json-response.js'
import type { ResolvedHandlerOptions, StartContext } from './options.js'
import { readJsonBody } from './request-body.js'

/** The names of `register()` may have so many characters, and none that controls. */
const KEY_PATTERN = /^[^\p{Cc}\p{Zl}\p{Zp}\p{Cs}]{1,256}$/u

/** `POST /jobs`: 201 with the new job, 200 with the job of a repeated `Idempotency-Key`. */
export async function createJob(
  options: ResolvedHandlerOptions,
  context: StartContext,
  streamUrlOf: (jobId: string) => Promise<string>,
): Promise<Response> {
  const { manager, start, clock, maxBodyBytes: maxBytes, bodyTimeoutMs: timeoutMs } = options
  const { request, owner } = context
  const key = idempotencyKeyOf(request)
  const body = await readJsonBody(request, { maxBytes, timeoutMs, clock })
  const params = await validated(options.params, body)
  const identity =
    key === undefined ? undefined : { idempotencyKey: key, requestFingerprint: await fingerprintOf(body) }
  const started = await startOf(() => start(params, context))
  const { producer, options: own } = typeof started === 'function' ? { producer: started, options: undefined } : started
  const registerOptions: RegisterOptions = { ...own, ...identity, owner }
  const job = await manager.register(producer, registerOptions)
  const { jobId: job_id, status } = job.snapshot()
  return jsonResponse(job.created ? 201 : 200, { job_id, stream_url: await streamUrlOf(job_id), status })
}

function idempotencyKeyOf(request: Request): string | undefined {
  const key = request.headers.get(IDEMPOTENCY_KEY_HEADER) ?? undefined
  if (key === undefined || KEY_PATTERN.test(key)) return key
  throw invalid([{ message: 'expected 1 to 256 characters', path: [IDEMPOTENCY_KEY_HEADER] }])
}

async function validated(schema: StandardSchemaV1, body: unknown): Promise<unknown> {
  const result = await schema['~standard'].validate(body)
  if (!result.issues) return result.value
  throw invalid(
    result.issues.map(({ message, path }) => ({
      message,
      path: path?.map((segment) => (typeof segment === 'object' ? segment.key : segment)),
    })),
  )
}

/** Options that `start` refuses are the request's fault; those that `register` refuses are the application's. */
async function startOf<T>(start: () => T): Promise<Awaited<T>> {
  try {
    return await start()
  } catch (error) {
    throw error instanceof InvalidOptionsError ? invalid(error.issues) : error
  }
}

async function fingerprintOf(body: unknown): Promise<string> {
  const json = canonicalJson(body)
  if (json === undefined) throw invalid([{ message: 'expected fewer levels' }])
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(json))
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function invalid(issues: readonly Issue[]): HttpError {
  return new HttpError(400, 'options.invalid', { issues })
}
