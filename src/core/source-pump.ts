import { show } from './errors.js'
import type { FairYield } from './fair-yield.js'

/** Chunks between two looks at the clock: a look costs about half a chunk, so it is not taken at each. */
const CHUNKS_PER_LOOK = 64

/** What a pump reads: one reader of a web stream, or one iterator. */
interface Upstream<Item> {
  next(): PromiseLike<IteratorResult<Item, unknown>>
  /** Lets the source go. May hang, throw or be missing. */
  close?: ((reason: unknown) => unknown) | undefined
}

export interface PumpOptions<Item> {
  readonly fair: FairYield
  /** Takes one item; a promise makes the pump wait before it pulls the next. What it throws ends the pump. */
  readonly onItem: (item: Item) => Promise<void> | undefined
  /** An item came after the pump was stopped; it is dropped. */
  readonly onDropped: () => void
  /** The source let go of what it held, once; never, if it hangs. */
  readonly onClosed: () => void
}

/**
 * Reads a source to its end, and lets go of it in the calling tick when stopped, whatever its `next()` does.
 *
 * The loop is detached from the promise of its end: no race and no listener per chunk, one reaction on each `next()`.
 * After an end that the source did not reach by itself, its `abort` and `return` (or `cancel`, `destroy`) are called once and
 * not waited for; `onClosed` tells when they are through.
 */
export class SourcePump<Item> {
  /** How the source ended: its return value, or the error that ended it or that it was stopped with. */
  readonly ended: Promise<unknown>
  readonly #source: object
  readonly #options: PumpOptions<Item>
  #upstream: Upstream<Item> | undefined
  #over = false
  #closed = false
  #pending = false
  #untilLook = CHUNKS_PER_LOOK
  #resolve: (value: unknown) => void = () => {}
  #reject: (error: unknown) => void = () => {}

  constructor(source: object, options: PumpOptions<Item>) {
    this.#source = source
    this.#options = options
    this.ended = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  start(): void {
    try {
      this.#upstream = openUpstream<Item>(this.#source)
    } catch (error) {
      this.stop(error)
      return
    }
    this.#pull()
  }

  /** Ends the pump with this error and lets go of the source. Nothing is delivered afterwards. */
  stop(error: unknown): void {
    if (this.#over) return
    this.#over = true
    this.#reject(error)
    this.#close(error)
  }

  readonly #pull = (): void => {
    if (this.#over || !this.#upstream) return
    try {
      const next = this.#upstream.next()
      this.#pending = true
      // A thenable that answers in the same tick would recurse; only native promises are taken as they are.
      const result = next instanceof Promise ? next : Promise.resolve(next)
      result.then(this.#onResult, this.#onError)
    } catch (error) {
      this.#onError(error)
    }
  }

  readonly #onResult = (result: IteratorResult<Item, unknown>): void => {
    this.#pending = false
    if (this.#over) return this.#late(result)
    try {
      if (typeof result !== 'object' || result === null) {
        throw new TypeError(`The source's next() gave ${show(result)} instead of an iterator result.`)
      }
      if (result.done) return this.#finish(result.value)
      const wait = this.#options.onItem(result.value)
      if (this.#over) return // the item's receiver stopped us
      if (wait !== undefined) return void wait.then(this.#pull, this.#onError)
      if (--this.#untilLook <= 0) {
        this.#untilLook = CHUNKS_PER_LOOK
        const turn = this.#options.fair.due()
        if (turn !== undefined) return void turn.then(this.#pull, this.#onError)
      }
    } catch (error) {
      return this.stop(error)
    }
    this.#pull()
  }

  readonly #onError = (error: unknown): void => {
    this.#pending = false
    if (this.#over) this.#release()
    else this.stop(error)
  }

  #finish(value: unknown): void {
    this.#over = true
    this.#release()
    this.#resolve(value)
  }

  #late(result: IteratorResult<Item, unknown>): void {
    if (result?.done === false) this.#options.onDropped()
    if (!this.#upstream?.close) this.#release()
  }

  readonly #release = (): void => {
    if (this.#closed) return
    this.#closed = true
    this.#options.onClosed()
  }

  #close(reason: unknown): void {
    try {
      const { abort } = this.#source as { abort?: unknown }
      if (typeof abort === 'function') abort.call(this.#source, reason)
    } catch {
      // The job's end is decided; a source that fails to abort may still close.
    }
    const upstream = this.#upstream ?? neverOpened<Item>(this.#source)
    if (!upstream?.close) {
      if (!this.#pending) this.#release()
      return // the pending next() releases
    }
    this.#upstream = upstream
    try {
      const closing: unknown = upstream.close(reason)
      Promise.resolve(closing).then(this.#release, this.#release)
    } catch {
      this.#release()
    }
  }
}

/** The way to close a source that is dropped before its first read; it may hold a request already. */
function neverOpened<Item>(source: object): Upstream<Item> | undefined {
  try {
    return openUpstream(source)
  } catch {
    return undefined
  }
}

function openUpstream<Item>(source: object): Upstream<Item> {
  if ('getReader' in source && typeof source.getReader === 'function') {
    const reader: ReadableStreamDefaultReader<Item> = source.getReader()
    // The stream's own iterator would wait for a pending read on return(); a reader's cancel() settles it.
    return {
      next: () => reader.read() as Promise<IteratorResult<Item, unknown>>,
      close: (reason) => reader.cancel(reason),
    }
  }
  const open: unknown = Reflect.get(source, Symbol.asyncIterator)
  if (typeof open !== 'function') {
    throw new TypeError(`Expected an AsyncIterable or a ReadableStream as source, got ${show(source)}.`)
  }
  const iterator: AsyncIterator<Item, unknown> = open.call(source)
  const next = iterator.next
  const close =
    nodeDestroy(source) ?? (typeof iterator.return === 'function' ? () => iterator.return?.(undefined) : undefined)
  return { next: () => next.call(iterator), close }
}

/** A Node Readable: its iterator's return() waits for a pending read, destroy() does not. */
function nodeDestroy(source: object): (() => unknown) | undefined {
  const { destroy, readable } = source as { destroy?: unknown; readable?: unknown }
  if (typeof destroy !== 'function' || typeof readable !== 'boolean') return undefined
  return () => destroy.call(source)
}
