import { CLIENT_MESSAGES, type ClientLocale, type ClientMessages, wordsOf } from '../protocol/client-messages.js'
import { MAX_TIMER_MS } from '../protocol/clock.js'
import type { JobEventBody } from '../protocol/job-event.js'
import { GenerationClientError } from './client-error.js'
import { type ClientClock, systemClock } from './system-clock.js'

type Headers = Readonly<Record<string, string>>

/** Headers of each request. A function is called anew for every request, so a token can be refreshed. */
export type RequestHeaders = Headers | (() => Headers | Promise<Headers>)

/** An event of a job as it came over the wire. */
export type StreamEvent = { readonly seq: number; readonly message?: string } & JobEventBody

/**
 * Something that a client survived.
 *
 * - `event.skipped`: an event could not be read, or its type is not known; `detail` is the frame.
 * - `stream.gap`, `stream.silent`, `stream.lost`: events were missing, or the connection broke; the stream resumes.
 * - `cancel.abandoned`: the server never answered a cancel; the job (`detail`) may still run.
 * - `listener.failed`: a listener or callback of yours threw `detail`.
 */
export interface ClientWarning {
  readonly code:
    | 'event.skipped'
    | 'stream.gap'
    | 'stream.silent'
    | 'stream.lost'
    | 'cancel.abandoned'
    | 'listener.failed'
  readonly detail?: unknown
}

/** Of {@link createGenerationClient}. */
export interface GenerationClientOptions {
  /** URL of the handler's `basePath`: jobs are created at `${baseUrl}/jobs`. Absolute, or relative to the page. */
  baseUrl: string
  /** Give your own to send cookies to another origin, for instance. @defaultValue the global `fetch` */
  fetch?: ((url: string, init?: RequestInit) => Promise<Response>) | undefined
  headers?: RequestHeaders | undefined
  /** How long an interrupt may take until the stream is closed by force, ms. Keep it above the server's `cancelTimeoutMs`. @defaultValue 10_000 */
  interruptTimeoutMs?: number | undefined
  /** A stream without a byte for so long counts as lost, ms. Keep it above two heartbeats of the server. @defaultValue 35_000 */
  silenceTimeoutMs?: number | undefined
  /** @defaultValue `'fr'` */
  locale?: ClientLocale | undefined
  /** @defaultValue the time of the page */
  clock?: ClientClock | undefined
  /** Every event of the run that the state shows, once and in order; `metadata` and `data` are seen only here. */
  onEvent?: ((event: StreamEvent) => void) | undefined
  /** This library writes to no console: give a function to see what it survived. */
  onWarning?: ((warning: ClientWarning) => void) | undefined
}

/** What all runs of one client share. */
export interface ClientContext {
  /** Sends a request below `baseUrl`, with the headers of the client. */
  readonly send: (path: string, init: RequestInit) => Promise<Response>
  readonly clock: ClientClock
  readonly words: ClientMessages
  readonly interruptTimeoutMs: number
  readonly silenceTimeoutMs: number
  onEvent(event: StreamEvent): void
  warn(code: ClientWarning['code'], detail?: unknown): void
  /** Calls what belongs to the application: what it throws is a warning, never a fault of the run. */
  call<T>(listener: ((value: T) => void) | undefined, value: T): void
}

const OPTIONS: Readonly<Record<keyof GenerationClientOptions, true>> = {
  baseUrl: true,
  fetch: true,
  headers: true,
  interruptTimeoutMs: true,
  silenceTimeoutMs: true,
  locale: true,
  clock: true,
  onEvent: true,
  onWarning: true,
}

/** @throws {GenerationClientError} `options.invalid` */
export function resolveClientOptions(options: GenerationClientOptions): ClientContext {
  const {
    baseUrl,
    fetch: request = (url: string, init?: RequestInit) => fetch(url, init),
    headers,
    interruptTimeoutMs = 10_000,
    silenceTimeoutMs = 35_000,
    locale,
    clock = systemClock,
    onEvent,
    onWarning,
  } = options
  assertKnown(options, Object.keys(OPTIONS))
  assertOption('baseUrl: a string', baseUrl, typeof baseUrl === 'string')
  assertOption('interruptTimeoutMs: milliseconds', interruptTimeoutMs, isDelay(interruptTimeoutMs))
  assertOption('silenceTimeoutMs: milliseconds', silenceTimeoutMs, isDelay(silenceTimeoutMs))
  assertOption('locale: fr, en or ClientMessages', locale, isLocale(locale))
  const base = baseUrl.replace(/\/+$/, '')

  function warn(code: ClientWarning['code'], detail?: unknown): void {
    try {
      onWarning?.({ code, detail })
    } catch {
      // There is nobody left to tell.
    }
  }
  function call<T>(listener: ((value: T) => void) | undefined, value: T): void {
    try {
      listener?.(value)
    } catch (error) {
      warn('listener.failed', error)
    }
  }
  return {
    clock,
    words: wordsOf(locale),
    interruptTimeoutMs,
    silenceTimeoutMs,
    warn,
    call,
    async send(path, init) {
      const own = typeof headers === 'function' ? await headers() : headers
      return request(base + path, { ...init, headers: { ...own, ...(init.headers as Headers) } })
    },
    onEvent: (event) => call(onEvent, event),
  }
}

function isLocale(locale: unknown): boolean {
  return (
    locale === undefined ||
    (typeof locale === 'object' && locale !== null) ||
    Object.hasOwn(CLIENT_MESSAGES, String(locale))
  )
}

function isDelay(ms: number): boolean {
  return ms > 0 && ms <= MAX_TIMER_MS
}

/** @throws {GenerationClientError} `options.invalid`, which names the unknown option and the known ones */
export function assertKnown(options: object, known: readonly string[]): void {
  for (const name of Object.keys(options)) {
    assertOption(`one of ${known.join(', ')}`, name, known.includes(name))
  }
}

/** @throws {GenerationClientError} `options.invalid`, which says what was expected and what came */
export function assertOption(expected: string, value: unknown, isValid: boolean): void {
  if (!isValid) throw new GenerationClientError('options.invalid', `Expected ${expected}, got ${value}`)
}
