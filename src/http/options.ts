import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Awaitable } from '../core/awaitable.js'
import { createDefaultLogger } from '../core/default-logger.js'
import { InvalidOptionsError, show } from '../core/errors.js'
import { type Logger, silentLogger } from '../core/logger.js'
import type { GenerationJobManager } from '../core/manager.js'
import type { RegisterOptions } from '../core/options.js'
import type { Producer } from '../core/producer.js'
import { systemClock } from '../core/system-clock.js'
import { type Clock, MAX_TIMER_MS } from '../protocol/clock.js'
import type { JobSnapshot } from '../protocol/job-snapshot.js'
import { type Locale, MESSAGES, type Messages, messagesOf } from '../protocol/messages.js'
import { DEFAULT_BASE_PATH } from '../protocol/wire.js'

/** What a request wants to do. */
export type GenerationAction = 'create' | 'read' | 'stream' | 'cancel'

/** What a request is about, for `authorize`. */
export interface AuthorizeContext {
  readonly action: GenerationAction
  /** The job that the request names, if there is one. Its owner is compared by the handler afterwards. */
  readonly job?: JobSnapshot | undefined
  /** What the host passed along with the request; of `toNodeHandler` `{ req, res }`. */
  readonly native: unknown
}

/** Says who asks, or `null` for nobody. The handler then lets that owner see its own jobs and no others. */
export type Authorize = (request: Request, context: AuthorizeContext) => Awaitable<{ readonly owner: string } | null>

/** Whose request it is, for `start`. */
export interface StartContext {
  /** Whom `authorize` named. */
  readonly owner: string
  readonly request: Request
  readonly native: unknown
}

/** A producer with options of its job. The owner is always the one that `authorize` named. */
export interface StartedGeneration {
  readonly producer: Producer<unknown>
  readonly options?: RegisterOptions | undefined
}

/** Lets an `EventSource`, which cannot send headers, open the stream of one job by its `stream_url`. */
export interface StreamTokenOptions {
  /** Key of the signature: at least 16 bytes, the same on all servers. */
  readonly secret: string | Uint8Array
  /** How long a `stream_url` opens the stream, reconnects included, milliseconds. */
  readonly ttlMs: number
}

/** Of {@link createGenerationHandler}. */
export interface GenerationHandlerOptions<Params> {
  readonly manager: Pick<GenerationJobManager, 'register' | 'get' | 'cancel' | 'events'>
  /** Schema of the create body: zod, or any other Standard Schema. */
  readonly params: StandardSchemaV1<unknown, Params>
  /** Makes the producer of a valid request. Runs for a repeated request too, so leave the work to the producer. */
  readonly start: (params: Params, context: StartContext) => Awaitable<Producer<unknown> | StartedGeneration>
  /** Required: there is no open default. */
  readonly authorize: Authorize
  /** Where the routes stand; a prefix that a framework strips may be missing from the request. @defaultValue `'/api/v1/dialogues/generate'` */
  readonly basePath?: string | undefined
  /** Silence on a stream after which a comment is sent, milliseconds. @defaultValue 15_000 */
  readonly heartbeatMs?: number | undefined
  /** Language of the messages. @defaultValue `'fr'` */
  readonly locale?: Locale | undefined
  /** Largest create body. @defaultValue 1 MiB */
  readonly maxBodyBytes?: number | undefined
  /** Most milliseconds for the create body to arrive. @defaultValue 30_000 */
  readonly bodyTimeoutMs?: number | undefined
  /**
   * Most bytes that wait for one viewer; through `toNodeHandler` what Node itself buffers for a connection, which is less. One that
   * takes nothing of a full buffer for 5 s is disconnected and resumes by its cursor; the job is untouched. @defaultValue 1 MiB
   */
  readonly maxViewerBufferBytes?: number | undefined
  /** Origins (`https://app.example`) besides the server's own whose pages may call. @defaultValue none */
  readonly allowedOrigins?: readonly string[] | undefined
  /** @defaultValue off */
  readonly streamToken?: StreamTokenOptions | undefined
  /** For what answers a 500, without its content. @defaultValue a pino logger on stdout, made at the first failure */
  readonly logger?: Logger | false | undefined
  /** @defaultValue the system clock */
  readonly clock?: Clock | undefined
}

/** What a host passes along with a request. */
export interface HandlerContext {
  /** The host's own request, for `authorize` and `start`. */
  readonly native?: unknown
  /** Closes the connection at once. For a viewer that is cut off: a host that waits for its socket does not see its stream end. */
  readonly disconnect?: (() => void) | undefined
}

/** The options with all defaults. */
export interface ResolvedHandlerOptions {
  readonly manager: GenerationHandlerOptions<unknown>['manager']
  readonly params: StandardSchemaV1
  readonly start: GenerationHandlerOptions<unknown>['start']
  readonly authorize: Authorize
  readonly basePath: string
  readonly heartbeatMs: number
  readonly messages: Messages
  readonly maxBodyBytes: number
  readonly bodyTimeoutMs: number
  readonly maxViewerBufferBytes: number
  readonly allowedOrigins: ReadonlySet<string>
  readonly streamToken: StreamTokenOptions | undefined
  readonly logger: () => Logger
  readonly clock: Clock
}

const MIN_SECRET_BYTES = 16
const DEFAULTS = {
  basePath: DEFAULT_BASE_PATH,
  heartbeatMs: 15_000,
  maxBodyBytes: 1024 * 1024,
  bodyTimeoutMs: 30_000,
  maxViewerBufferBytes: 1024 * 1024,
}
const NAMES: Record<keyof GenerationHandlerOptions<unknown>, true> = {
  manager: true,
  params: true,
  start: true,
  authorize: true,
  basePath: true,
  heartbeatMs: true,
  locale: true,
  maxBodyBytes: true,
  bodyTimeoutMs: true,
  maxViewerBufferBytes: true,
  allowedOrigins: true,
  streamToken: true,
  logger: true,
  clock: true,
}

/** @throws {InvalidOptionsError} */
export function resolveHandlerOptions<Params>(options: GenerationHandlerOptions<Params>): ResolvedHandlerOptions {
  expect(isObject(options), 'options', 'an object', options)
  for (const name of Object.keys(options)) {
    expect(Object.hasOwn(NAMES, name), name, 'no such option; remove it or check its spelling', name)
  }
  const { manager, params, start, authorize, locale, streamToken, clock = systemClock } = options
  const isManager = isObject(manager) && hasMethods(manager, ['register', 'get', 'cancel', 'events'])
  expect(isManager, 'manager', 'a GenerationJobManager', manager)
  expect(isSchema(params), 'params', 'a Standard Schema (zod, for example)', params)
  expect(typeof start === 'function', 'start', 'a function', start)
  expect(typeof authorize === 'function', 'authorize', 'a function; there is no open default', authorize)
  expect(
    isObject(clock) && hasMethods(clock, ['now', 'monotonic', 'setTimer', 'yieldMacrotask']),
    'clock',
    'a Clock',
    clock,
  )
  expect(isLocale(locale), 'locale', `'fr', 'en' or Messages`, locale)
  if (streamToken !== undefined) checkStreamToken(streamToken)
  return {
    manager,
    params: params as StandardSchemaV1,
    start: start as ResolvedHandlerOptions['start'],
    authorize,
    basePath: checkBasePath(options.basePath ?? DEFAULTS.basePath),
    heartbeatMs: checkDelay('heartbeatMs', options.heartbeatMs),
    messages: messagesOf(locale),
    maxBodyBytes: checkBytes('maxBodyBytes', options.maxBodyBytes),
    bodyTimeoutMs: checkDelay('bodyTimeoutMs', options.bodyTimeoutMs),
    maxViewerBufferBytes: checkBytes('maxViewerBufferBytes', options.maxViewerBufferBytes),
    allowedOrigins: checkOrigins(options.allowedOrigins ?? []),
    streamToken,
    logger: lazyLogger(options.logger),
    clock,
  }
}

function checkBasePath(path: unknown): string {
  const isPath = typeof path === 'string' && /^(\/[^/?#\s]+)*$/.test(path)
  expect(isPath, 'basePath', `'' or a path like '/api/generate', without a slash at its end`, path)
  return path as string
}

function checkDelay(name: 'heartbeatMs' | 'bodyTimeoutMs', ms: number = DEFAULTS[name]): number {
  const isDelay = typeof ms === 'number' && ms > 0 && ms <= MAX_TIMER_MS
  expect(isDelay, name, `milliseconds above 0 and at most ${MAX_TIMER_MS}`, ms)
  return ms
}

function checkBytes(name: 'maxBodyBytes' | 'maxViewerBufferBytes', bytes: number = DEFAULTS[name]): number {
  expect(Number.isSafeInteger(bytes) && bytes > 0, name, 'a whole number of bytes above 0', bytes)
  return bytes
}

function checkOrigins(origins: unknown): ReadonlySet<string> {
  expect(Array.isArray(origins), 'allowedOrigins', 'a list of origins', origins)
  for (const origin of origins as unknown[]) {
    const isOrigin = typeof origin === 'string' && URL.canParse(origin) && new URL(origin).origin === origin
    expect(isOrigin && origin !== 'null', 'allowedOrigins', `origins like 'https://app.example'`, origin)
  }
  return new Set(origins as string[])
}

function checkStreamToken({ secret, ttlMs }: StreamTokenOptions): void {
  const bytes = typeof secret === 'string' ? new TextEncoder().encode(secret) : secret
  const isSecret = bytes instanceof Uint8Array && bytes.byteLength >= MIN_SECRET_BYTES
  // Never shown: it is a secret.
  expect(isSecret, 'streamToken.secret', `at least ${MIN_SECRET_BYTES} bytes, as a string or Uint8Array`, undefined)
  const isDelay = typeof ttlMs === 'number' && ttlMs > 0 && Number.isFinite(ttlMs)
  expect(isDelay, 'streamToken.ttlMs', 'milliseconds above 0', ttlMs)
}

function lazyLogger(logger: Logger | false | undefined): () => Logger {
  const isLogger = logger === undefined || logger === false || hasMethods(logger, ['debug', 'info', 'warn', 'error'])
  expect(isLogger, 'logger', 'false, or an object with debug, info, warn and error', logger)
  let made = logger === false ? silentLogger : logger
  return () => {
    made ??= createDefaultLogger()
    return made
  }
}

function isLocale(locale: unknown): boolean {
  return locale === undefined || isObject(locale) || (typeof locale === 'string' && Object.hasOwn(MESSAGES, locale))
}

function isSchema(value: unknown): boolean {
  const standard: unknown = isObject(value) ? Reflect.get(value, '~standard') : undefined
  return isObject(standard) && hasMethods(standard, ['validate'])
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

function hasMethods(value: object, names: readonly string[]): boolean {
  return names.every((name) => typeof Reflect.get(value, name) === 'function')
}

function expect(holds: boolean, name: string, expected: string, got: unknown): void {
  if (!holds)
    throw new InvalidOptionsError(
      `Invalid createGenerationHandler options: ${name}: expected ${expected}, got ${show(got)}.`,
    )
}
