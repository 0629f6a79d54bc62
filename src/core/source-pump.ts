import { CallerContext } from './caller-context.js'
import { kindOf } from './errors.js'
import type { FairYield } from './fair-yield.js'

/** Whoever the pumps belong to. */
export interface PumpHost {
  readonly fair: FairYield
  /** An item came after its pump was stopped; it is dropped. */
  noteDropped(): void
  /** The source let go of what it held, once; never, if it hangs. */
  onPumpClosed(pump: object): void
}

/** Takes the items of one source. What it throws ends the pump. */
export interface ItemTaker<Item> {
  /** A promise makes the pump wait before it pulls the next. */
  take(item: Item): Promise<void> | undefined
  /** What the end of the pump is, of a source that ended by itself with this return value. */
  result(returned: unknown): unknown
}

/** What is read: an iterator, or the reader of a stream dressed as one. */
interface Upstream<Item> {
  next(): PromiseLike<IteratorResult<Item, unknown>>
  return?(reason: unknown): unknown
}

/**
 * Reads a source to its end, and lets go of it in the calling tick when stopped, whatever its `next()` does.
 *
 * The loop is detached from the promise of its end: no race and no listener per chunk, one reaction on each `next()`. After an
 * end that the source did not reach by itself, its `abort` and then `return` (or `cancel`, `destroy`) are called once and not waited
 * for; the host is told when they are through.
 */
export class SourcePump<Item> {
  /** How the source ended: the taker's result, or the error that ended it or that it was stopped with. */
  readonly ended: Promise<unknown>
  readonly #source: object
  readonly #host: PumpHost
  readonly #taker: ItemTaker<Item>
  /** The calls that let go of a source are its reader's, not those of whoever cancels. */
  readonly #reader = new CallerContext()
  #upstream: Upstream<Item> | undefined
  #isUnopened = true
  #isOver = false
  #isClosed = false
  #isPending = false
  #resolve: (value: unknown) => void = () => {}
  #reject: (error: unknown) => void = () => {}

  constructor(source: object, host: PumpHost, taker: ItemTaker<Item>) {
    this.#source = source
    this.#host = host
    this.#taker = taker
    this.ended = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  start(): void {
    this.#isUnopened = false
    try {
      this.#upstream = openUpstream<Item>(this.#source)
    } catch (error) {
      return this.stop(error)
    }
    this.#pull()
  }

  /** Ends the pump with this error and lets go of the source. Nothing is delivered afterwards. */
  stop(error: unknown): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#reject(error)
    this.#reader.runInAsyncScope(this.#close, this, error)
  }

  #pull(): void {
    if (this.#isOver || !this.#upstream) return
    try {
      const next = this.#upstream.next()
      this.#isPending = true
      // A thenable that answers in the same tick would recurse; only native promises are taken as they are.
      const result = next instanceof Promise ? next : Promise.resolve(next)
      result.then(this.#onResult, this.#onError)
    } catch (error) {
      this.#onError(error)
    }
  }

  readonly #onResult = (result: IteratorResult<Item, unknown>): void => {
    this.#isPending = false
    if (this.#isOver) return this.#late(result)
    try {
      if (typeof result !== 'object' || result === null) {
        throw new TypeError(`The source's next() gave ${kindOf(result)} instead of an iterator result.`)
      }
      if (result.done) return this.#finish(result.value)
      const wait = this.#taker.take(result.value) ?? this.#host.fair.due()
      if (this.#isOver) return // the taker stopped us
      if (wait !== undefined) return void wait.then(() => this.#pull(), this.#onError)
    } catch (error) {
      return this.stop(error)
    }
    this.#pull()
  }

  readonly #onError = (error: unknown): void => {
    this.#isPending = false
    if (!this.#isOver) this.stop(error)
    else if (!this.#upstream?.return) this.#release() // else its return(), called already, tells
  }

  #finish(value: unknown): void {
    this.#isOver = true
    this.#release()
    try {
      this.#resolve(this.#taker.result(value))
    } catch (error) {
      this.#reject(error)
    }
  }

  #late(result: IteratorResult<Item, unknown>): void {
    if (result?.done === false) this.#host.noteDropped()
    if (!this.#upstream?.return) this.#release()
  }

  #close(reason: unknown): void {
    try {
      const { abort } = this.#source as { abort?: unknown }
      if (typeof abort === 'function') Promise.resolve(abort.call(this.#source, reason)).catch(() => undefined)
    } catch {
      // The end is decided; a source that fails to abort may still close.
    }
    try {
      if (this.#isUnopened) this.#upstream = openUpstream<Item>(this.#source) // it may hold a request already
      if (this.#upstream?.return) {
        const release = () => this.#release()
        Promise.resolve(this.#upstream.return(reason)).then(release, release)
      } else if (!this.#isPending) {
        this.#release() // else the pending next() does
      }
    } catch {
      this.#release()
    }
  }

  #release(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#host.onPumpClosed(this)
  }
}

function openUpstream<Item>(source: object): Upstream<Item> {
  if ('getReader' in source && typeof source.getReader === 'function') {
    // The stream's own iterator would wait for a pending read on return(); a reader's cancel() settles it.
    const reader: ReadableStreamDefaultReader<Item> = source.getReader()
    return {
      next: () => reader.read() as Promise<IteratorResult<Item, unknown>>,
      return: (reason) => reader.cancel(reason),
    }
  }
  const open: unknown = Reflect.get(source, Symbol.asyncIterator)
  if (typeof open !== 'function') {
    throw new TypeError(`Expected an AsyncIterable or a ReadableStream as source, got ${kindOf(source)}.`)
  }
  const iterator: Upstream<Item> = open.call(source)
  return isNodeReadable(source) ? { next: () => iterator.next(), return: () => source.destroy() } : iterator
}

/** A Node Readable: its iterator's return() waits for a pending read, destroy() does not. */
function isNodeReadable(source: object): source is { destroy(): unknown } {
  const { destroy, readable } = source as { destroy?: unknown; readable?: unknown }
  return typeof destroy === 'function' && typeof readable === 'boolean'
}
