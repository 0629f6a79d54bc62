import { type Deferred, deferred } from '../core/awaitable.js'
import type { ModelChunk } from '../core/generation-source.js'
import { systemClock } from '../core/system-clock.js'
import { type ChunkLimits, SilenceWatch } from './chunk-limits.js'
import { toProviderError } from './provider-failure.js'

/** After a finish reason, usage comes at once or not at all; a server that then keeps the connection open is not waited for. */
const USAGE_WAIT_MS = 2_000
/** Items that give no chunk, before an empty one is handed out so that the reader can be fair to the event loop. */
const SILENT_ITEMS = 64

/** Understands what one upstream sends. Whatever it throws fails the source. */
export interface SourceReader<Item> {
  /** The chunk of an item; nothing, if it has none. */
  read(item: Item): ModelChunk | undefined
  /** The upstream ended by itself: the last chunk, if any is left. */
  end?(): ModelChunk | undefined
  /** `finished`: only usage may follow. `complete`: nothing may, so the upstream is closed though it may be open still. */
  readonly progress?: 'reading' | 'finished' | 'complete'
}

/** One upstream, and how to read it. */
export interface LazySourceOptions<Item> {
  /** Called at the first `next()`. The signal aborts when the source is done with the upstream, however that comes. */
  readonly open: (signal: AbortSignal) => PromiseLike<AsyncIterable<Item>> | AsyncIterable<Item>
  /** Lets go of an upstream that exists already, when the source is closed before it was opened. */
  readonly discard?: (() => unknown) | undefined
  readonly reader: SourceReader<Item>
  /** Ends the source with its reason. */
  readonly signal?: AbortSignal | undefined
  readonly limits: ChunkLimits
  /** What the source fails with, for what the upstream or the reader threw. @defaultValue a ProviderError */
  readonly describe?: ((error: unknown) => unknown) | undefined
  /** Something to wait for before the upstream is aborted; nothing, if there is none. Must be bounded. */
  readonly beforeAbort?: (() => Promise<void> | undefined) | undefined
  /** What else has to be released once the upstream is aborted. */
  readonly afterAbort?: (() => Promise<void> | undefined) | undefined
}

type Result = IteratorResult<ModelChunk, undefined>
const DONE: Result = { done: true, value: undefined }

/**
 * A source that opens its upstream at the first `next()` and closes it on every exit, whatever the upstream does: a pending `next()`
 * settles at once, and `return()` resolves when the upstream has let go.
 */
export class LazySource<Item> implements AsyncIterableIterator<ModelChunk, undefined, undefined> {
  readonly #options: LazySourceOptions<Item>
  readonly #watch: SilenceWatch
  readonly #controller = new AbortController()
  #isStarted = false
  #isOver = false
  #isDrained = false
  #opening: Promise<unknown> | undefined
  #upstream: AsyncIterator<Item, unknown> | undefined
  #pulling: Promise<unknown> | undefined
  #pending: Deferred<Result> | undefined
  #silentItems = 0
  #clearUsageWait: (() => void) | undefined
  #released: Promise<unknown> | undefined
  /** An end between two `next()` calls: the second one has to hear of it. */
  #untold: { readonly error: unknown } | undefined

  constructor(options: LazySourceOptions<Item>) {
    this.#options = options
    this.#watch = new SilenceWatch(options.limits, (error) => this.#fail(error))
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<Result> {
    if (this.#pending) {
      const next = () => this.next() // one at a time
      return this.#pending.promise.then(next, next)
    }
    if (this.#untold) return Promise.reject(this.#told())
    if (this.#isOver) return Promise.resolve(DONE)
    const pending = deferred<Result>()
    this.#pending = pending
    if (this.#isStarted) this.#pull()
    else this.#start()
    return pending.promise
  }

  /** Closes the upstream; a pending `next()` is done. Resolves when the upstream has let go. */
  async return(): Promise<Result> {
    this.#finish(undefined)
    this.#untold = undefined
    await this.#released
    return DONE
  }

  /** Closes the upstream; the pending `next()`, or the next one, rejects with the reason. */
  abort(reason: unknown): void {
    this.#finish({ error: reason }, reason)
  }

  readonly #onSignal = (): void => this.abort(this.#options.signal?.reason)

  #start(): void {
    this.#isStarted = true
    const { signal, open } = this.#options
    if (signal?.aborted) return this.#onSignal()
    signal?.addEventListener('abort', this.#onSignal)
    this.#watch.start()
    this.#watch.wait()
    try {
      const opening = open(this.#controller.signal)
      if (!('then' in opening)) return this.#opened(opening)
      this.#opening = Promise.resolve(opening).then(
        (upstream) => this.#opened(upstream),
        (error: unknown) => this.#fail(error),
      )
    } catch (error) {
      this.#fail(error)
    }
  }

  #opened(upstream: AsyncIterable<Item>): void {
    try {
      this.#upstream = upstream[Symbol.asyncIterator]()
    } catch (error) {
      return this.#fail(error)
    }
    if (!this.#isOver) this.#pull()
  }

  #pull(): void {
    if (!this.#upstream) return
    this.#watch.wait()
    try {
      this.#pulling = Promise.resolve(this.#upstream.next()).then(this.#onResult, this.#onError)
    } catch (error) {
      this.#fail(error)
    }
  }

  readonly #onResult = (result: IteratorResult<Item, unknown>): void => {
    try {
      if (result.done) this.#isDrained = true
      if (this.#isOver) return
      const { reader } = this.#options
      const chunk = result.done ? reader.end?.() : reader.read(result.value)
      this.#watch.got(Boolean(chunk?.text))
      if (result.done || reader.progress === 'complete') return this.#end(chunk)
      if (reader.progress === 'finished') this.#waitForUsage()
      if (chunk === undefined && ++this.#silentItems % SILENT_ITEMS !== 0) return this.#pull()
      this.#deliver(chunk ?? {})
    } catch (error) {
      this.#fail(error)
    }
  }

  readonly #onError = (error: unknown): void => {
    this.#isDrained = true // an iterator that failed is not closed
    this.#fail(error)
  }

  #deliver(value: ModelChunk): void {
    this.#pending?.resolve({ done: false, value })
    this.#pending = undefined
  }

  #end(last: ModelChunk | undefined): void {
    if (last) this.#deliver(last)
    this.#finish(undefined)
  }

  #waitForUsage(): void {
    const { clock = systemClock } = this.#options.limits
    this.#clearUsageWait ??= clock.setTimer(USAGE_WAIT_MS, () => this.#end(undefined), { unref: true })
  }

  #fail(error: unknown): void {
    const { describe = toProviderError } = this.#options
    this.#finish({ error: describe(error) })
  }

  #told(): unknown {
    const error = this.#untold?.error
    this.#untold = undefined
    return error
  }

  /** The one way to the end, with its error or without: the reader is told first, then everything is let go. */
  #finish(failure: { error: unknown } | undefined, reason?: unknown): void {
    if (this.#isOver) return
    this.#isOver = true
    if (!failure) this.#pending?.resolve(DONE)
    else if (this.#pending) this.#pending.reject(failure.error)
    else this.#untold = failure
    this.#pending = undefined
    this.#watch.stop()
    this.#clearUsageWait?.()
    this.#options.signal?.removeEventListener('abort', this.#onSignal)
    this.#released = this.#isStarted ? this.#release(reason) : attempt(this.#options.discard)
  }

  async #release(reason: unknown): Promise<void> {
    const wait = this.#options.beforeAbort?.()
    if (wait !== undefined) await wait
    this.#controller.abort(abortErrorOf(reason)) // first: return() would wait behind a pending next()
    await attempt(this.#options.afterAbort)
    await this.#opening
    if (!this.#isDrained) await attempt(() => this.#upstream?.return?.())
    await this.#pulling
  }
}

/** The end is decided already, so a failure to let go changes nothing. */
async function attempt(release: (() => unknown) | undefined): Promise<void> {
  try {
    await release?.()
  } catch {}
}

/** SDKs take an abort for one only if the error has such a name. */
function abortErrorOf(reason: unknown): Error {
  if (reason instanceof Error && (reason.name === 'AbortError' || reason.name === 'TimeoutError')) return reason
  return new DOMException('The source was closed.', 'AbortError')
}
