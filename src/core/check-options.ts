import { en } from 'zod/locales'
import type * as z from 'zod/mini'
import type { JsonObject } from '../protocol/json.js'
import { InvalidOptionsError, kindOf, show } from './errors.js'
import { jsonCopy } from './json-copy.js'
import {
  cancelSchema,
  drainSchema,
  eventsSchema,
  filterSchema,
  managerSchema,
  memoryStoreSchema,
  name,
  orchestratorSchema,
  registerSchema,
  waitSchema,
} from './option-schemas.js'
import type {
  CancelOptions,
  GenerationJobManagerOptions,
  OrchestratorOptions,
  RegisterOptions,
  ResolvedOptions,
} from './options.js'

/** zod/mini brings no words of its own. */
const english = en().localeError

/** @throws {InvalidOptionsError} */
export function resolveManagerOptions(options: GenerationJobManagerOptions = {}): ResolvedOptions {
  const parsed = check(managerSchema, 'GenerationJobManager options', options)
  const storeTimeoutMs = parsed.storeTimeoutMs ?? ((parsed.cancelTimeoutMs - parsed.gracePeriodMs) * 3) / 4
  const describeError = parsed.describeError as GenerationJobManagerOptions['describeError']
  return Object.freeze({ ...parsed, storeTimeoutMs, describeError })
}

const NO_OPTIONS = Object.freeze({})

/** @throws {InvalidOptionsError} */
export function checkRegisterOptions(options: RegisterOptions | undefined): RegisterOptions {
  return options === undefined ? NO_OPTIONS : check(registerSchema, 'register() options', options)
}

/** @throws {InvalidOptionsError} */
export function checkCancelOptions(options: CancelOptions | undefined): CancelOptions {
  return options === undefined ? NO_OPTIONS : check(cancelSchema, 'cancel() options', options)
}

/** @throws {InvalidOptionsError} */
export function checkWaitOptions(options: object | undefined) {
  return check(waitSchema, 'waitForCompletion() options', options ?? NO_OPTIONS)
}

/** @throws {InvalidOptionsError} */
export function checkEventsOptions(options: object | undefined) {
  return check(eventsSchema, 'events() options', options ?? NO_OPTIONS)
}

/** @throws {InvalidOptionsError} */
export function checkFilter(filter: object | undefined) {
  const { owner, group, status } = check(filterSchema, 'filter', filter ?? NO_OPTIONS)
  return { owner, group, status: typeof status === 'string' ? [status] : status }
}

/** @throws {InvalidOptionsError} */
export function checkDrainOptions(options: object | undefined) {
  return check(drainSchema, 'drain() options', options ?? NO_OPTIONS)
}

/** @throws {InvalidOptionsError} */
export function checkMemoryStoreOptions(options: object | undefined) {
  return check(memoryStoreSchema, 'createMemoryJobStore options', options ?? NO_OPTIONS)
}

/** @throws {InvalidOptionsError} */
export function checkOrchestratorOptions(options: OrchestratorOptions | undefined): OrchestratorOptions {
  return check(orchestratorSchema, 'GenerationOrchestrator options', options ?? NO_OPTIONS)
}

/** @throws {InvalidOptionsError} */
export function checkJobId(jobId: unknown): string {
  if (typeof jobId === 'string' && /^[\w.:-]{1,64}$/.test(jobId)) return jobId // nearly all of them, a hundred times faster
  const result = name.safeParse(jobId, { error: english })
  if (!result.success) throw invalid('jobId', result.error, jobId)
  return result.data
}

/** A frozen copy of a JSON object. @throws {InvalidOptionsError} when it is not one */
export function checkJsonObject(what: string, value: unknown): JsonObject {
  const json = typeof value === 'object' && value !== null && !Array.isArray(value) ? jsonCopy(value) : undefined
  if (json === undefined) {
    throw new InvalidOptionsError(
      `${what}: expected a JSON object (plain, without cycles, functions, dates, bigints), got ${kindOf(value)}.`,
    )
  }
  return json as JsonObject
}

function check<S extends z.ZodMiniType>(schema: S, what: string, value: unknown): z.output<S> {
  const result = schema.safeParse(value, { error: english })
  if (!result.success) throw invalid(what, result.error, value)
  return result.data
}

/** What was expected, what came, and where. */
function invalid(what: string, error: z.core.$ZodError, value: unknown): InvalidOptionsError {
  const issues = error.issues.map((issue) => {
    const got = show(
      issue.path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], value),
    )
    const at = issue.path.length > 0 ? `${issue.path.join('.')}: ` : ''
    const hint = issue.code === 'unrecognized_keys' ? '; remove it or check its spelling' : `, got ${got}`
    return { message: `${at}${issue.message}${hint}`, path: issue.path }
  })
  return new InvalidOptionsError(`Invalid ${what}: ${issues.map((issue) => issue.message).join('; ')}.`, issues)
}
