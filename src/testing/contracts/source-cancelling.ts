import type { Awaitable } from '../../core/awaitable.js'
import type { ModelChunk } from '../../core/generation-source.js'
import type { Clock } from '../../protocol/clock.js'
import { type CountingSignal, countingSignal } from '../counting-signal.js'
import type { SourceUnderTest } from './cancellation-contract.js'
import { check } from './check.js'
import type { ContractCase } from './job-store-contract.js'
import { until, within } from './time-limit.js'

interface SourceContract {
  readonly make: (run: { signal: AbortSignal }) => Awaitable<SourceUnderTest>
  readonly withinMs: number
  readonly clock: Clock
}

type Result = IteratorResult<string | ModelChunk, unknown>

/** A source in the hands of a case, read as the pump of `run.stream` reads it. */
interface Opened {
  next(): Promise<Result>
  /** Lets it go, as a cancel does: `abort`, then `return()` or `cancel()`. */
  close(): Promise<unknown>
}

/** Plays a case on a fresh source, and looks afterwards whether everything was released. */
type Play = (world: {
  readonly signal: CountingSignal
  readonly open: () => Promise<Opened>
  readonly soon: <T>(promise: PromiseLike<T>, what: string) => Promise<T>
  /** Whether nothing comes for a quarter of the time in which it must let go. */
  readonly isSilent: (promise: PromiseLike<unknown>) => Promise<boolean>
}) => Promise<void>

const MAX_CHUNKS = 100

const CANCELLED = new DOMException('The generation was cancelled.', 'AbortError')

const CASES: Readonly<Record<string, Play>> = {
  'gives chunks, and return() between two of them lets it go': async ({ open, soon }) => {
    const source = await open()
    await readChunk(source, soon)
    await soon(source.close(), 'return()')
    await nothingMore(source, soon)
  },
  'return() while a next() is pending settles both': async ({ open, soon }) => {
    const source = await open()
    await readChunk(source, soon)
    const pending = settled(source.next())
    await soon(source.close(), 'return()')
    await soon(pending, 'the next() that was pending at return()')
    await nothingMore(source, soon)
  },
  'return() while it is silent settles both': async ({ open, soon, isSilent }) => {
    const source = await open()
    for (let count = 0; count < MAX_CHUNKS; count++) {
      const pending = settled(source.next())
      if (!(await isSilent(pending))) continue
      await soon(source.close(), 'return()')
      await soon(pending, 'the next() that was pending at return()')
      return
    }
    await soon(source.close(), 'return()')
  },
  'return() before the first chunk lets it go': async ({ open, soon }) => {
    const source = await open()
    const pending = settled(source.next())
    await soon(source.close(), 'return()')
    await soon(pending, 'the next() that was pending at return()')
  },
  'return() before the first next() lets it go': async ({ open, soon }) => {
    const source = await open()
    await soon(source.close(), 'return()')
  },
  'a second return() changes nothing': async ({ open, soon }) => {
    const source = await open()
    await readChunk(source, soon)
    await soon(source.close(), 'the first return()')
    await soon(settled(source.close()), 'the second return()')
  },
  'an abort of the signal while a next() is pending, then return(), settles both': async ({ signal, open, soon }) => {
    const source = await open()
    await readChunk(source, soon)
    const pending = settled(source.next())
    signal.abort(CANCELLED)
    await soon(settled(source.close()), 'return()')
    await soon(pending, 'the next() that was pending at the abort')
    await nothingMore(source, soon)
  },
  'an abort in the tick of a chunk lets it go': async ({ signal, open, soon }) => {
    const source = await open()
    let closing: Promise<unknown> | undefined
    const first = source.next().then((result) => {
      signal.abort(CANCELLED)
      closing = settled(source.close())
      return result
    })
    await soon(first, 'the first chunk')
    await soon(closing ?? Promise.resolve(), 'return()')
    await nothingMore(source, soon)
  },
  'a signal that had aborted before hangs nothing': async ({ signal, open, soon }) => {
    signal.abort(CANCELLED)
    const source = await open().catch(() => undefined) // to refuse is fine
    if (!source) return
    await soon(settled(source.next()), 'the first next()')
    await soon(settled(source.close()), 'return()')
  },
}

/** The cases for sources; each leaves no listener on the signal and nothing open. */
export function sourceCancelling(contract: SourceContract): ContractCase[] {
  return Object.entries(CASES).map(([name, play]) => ({ name: `source: ${name}`, run: () => run(contract, play) }))
}

async function run({ make, withinMs, clock }: SourceContract, play: Play): Promise<void> {
  const signal = countingSignal()
  let under: SourceUnderTest | undefined
  const open = async (): Promise<Opened> => {
    under = await make({ signal: signal.signal })
    return opened(under.source)
  }
  try {
    await play({
      signal,
      open,
      soon: (promise, what) => within(clock, withinMs, promise, what),
      isSilent: (promise) =>
        within(clock, withinMs / 4, promise, '').then(
          () => false,
          () => true,
        ),
    })
    const { isClosed } = under ?? {}
    if (isClosed) await until(clock, withinMs, isClosed, 'what it holds is released (isClosed)')
    const left = signal.listeners()
    check(left === 0 || signal.signal.aborted, `${left} listeners are left on the signal`)
  } finally {
    await under?.dispose?.()
  }
}

function opened(source: SourceUnderTest['source']): Opened {
  const abort = (): void => source.abort?.(CANCELLED)
  if ('getReader' in source && typeof source.getReader === 'function') {
    const reader = source.getReader() as ReadableStreamDefaultReader<string | ModelChunk>
    return {
      next: () => reader.read(),
      async close() {
        abort()
        return reader.cancel(CANCELLED)
      },
    }
  }
  const iterator = (source as AsyncIterable<string | ModelChunk>)[Symbol.asyncIterator]()
  return {
    next: async () => iterator.next(),
    async close() {
      abort()
      check(typeof iterator.return === 'function', 'the iterator has no return(), so nobody can let it go')
      return iterator.return()
    },
  }
}

async function readChunk(source: Opened, soon: Parameters<Play>[0]['soon']): Promise<void> {
  const { done } = await soon(source.next(), 'a chunk')
  check(done !== true, 'it ended before it was let go; give it more chunks')
}

/** After it was let go, next() may say that it is over or reject, but gives no chunk. */
async function nothingMore(source: Opened, soon: Parameters<Play>[0]['soon']): Promise<void> {
  const result = await soon(settled(source.next()), 'a next() after return()')
  check(result === undefined || result.done === true, 'it gave a chunk after return()')
}

/** The value, or nothing if it rejects. */
function settled<T>(promise: Promise<T>): Promise<T | undefined> {
  return promise.catch(() => undefined)
}
