import type { GenerationSource, Producer, RunContext } from 'generation-jobs'
import {
  cancelAt,
  cancellationContract,
  createVirtualClock,
  hostileSources,
  scriptedSource,
  type VirtualClock,
} from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'

/** Lets virtual time pass until the promise is settled. */
async function drive<T>(clock: VirtualClock, promise: Promise<T>): Promise<T> {
  let isSettled = false
  const settle = (): void => {
    isSettled = true
  }
  promise.then(settle, settle)
  while (!isSettled) await clock.advance(1)
  return promise
}

/** The cases that do not hold, with what they say. */
async function failures(
  clock: VirtualClock,
  cases: ReturnType<typeof cancellationContract>,
): Promise<Record<string, string>> {
  const failed: Record<string, string> = {}
  for (const { name, run } of cases) {
    await drive(clock, run()).catch((error: Error) => {
      failed[name] = error.message
    })
  }
  return failed
}

type Make = (clock: VirtualClock, signal: AbortSignal) => GenerationSource

function sourceFailures(make: Make): Promise<Record<string, string>> {
  const clock = createVirtualClock()
  const contract = cancellationContract({
    makeSource: ({ signal }) => ({ source: make(clock, signal) }),
    withinMs: 50,
    clock,
  })
  return failures(clock, contract)
}

/** Chunks with time between them, as a provider sends them. */
const script = (clock: VirtualClock) =>
  scriptedSource([{ do: 'wait', ms: 5 }, 'a', { do: 'wait', ms: 5 }, 'b', { do: 'wait', ms: 5 }, 'c', { do: 'hang' }], {
    clock,
  })

describe('cancellationContract for sources', () => {
  it('holds for a source that is let go by return()', async () => {
    const clock = createVirtualClock()
    const contract = cancellationContract({
      makeSource() {
        const source = script(clock)
        return { source, isClosed: () => source.closed || source.opened === 0 }
      },
      withinMs: 50,
      clock,
    })
    expect(await failures(clock, contract)).toEqual({})
  })

  it('holds for a web stream that heeds its signal', async () => {
    const make: Make = (clock, signal) => {
      let stop = (): void => {}
      return new ReadableStream<string>({
        async pull(controller) {
          if (signal.aborted) return controller.close()
          await new Promise<void>((resolve) => {
            stop = clock.setTimer(5, resolve)
          })
          if (!signal.aborted) controller.enqueue('a')
        },
        cancel: () => stop(),
      })
    }
    expect(await sourceFailures(make)).toEqual({})
  })

  it.each<[string, Make, string, RegExp]>([
    [
      'an async generator that waits for its provider: return() queues behind its pending next()',
      async function* generate(clock: VirtualClock) {
        yield 'a'
        await new Promise<void>((resolve) => void clock.setTimer(1_000, resolve))
        yield 'b'
      } as unknown as Make,
      'source: return() while a next() is pending settles both',
      /return\(\): not within 50 ms/,
    ],
    [
      'a source that goes on after return()',
      (clock) => scriptedSource([{ do: 'wait', ms: 5 }, 'a'], { clock, repeat: true, deaf: true }),
      'source: gives chunks, and return() between two of them lets it go',
      /it gave a chunk after return\(\)/,
    ],
    [
      'a source that leaves its listener on the signal',
      (clock, signal) => {
        signal.addEventListener('abort', () => undefined)
        return script(clock)
      },
      'source: a second return() changes nothing',
      /1 listeners are left on the signal/,
    ],
    [
      'a source without return()',
      () => ({ [Symbol.asyncIterator]: () => ({ next: async () => ({ done: false, value: 'a' }) }) }),
      'source: return() before the first next() lets it go',
      /has no return\(\)/,
    ],
    [
      'a source that says nothing',
      (clock) => scriptedSource([{ do: 'hang' }], { clock }),
      'source: gives chunks, and return() between two of them lets it go',
      /a chunk: not within 50 ms/,
    ],
  ])('refuses %s', async (_, make, name, message) => {
    expect((await sourceFailures(make))[name]).toMatch(message)
  })

  it('asks whether the provider was reached', async () => {
    const clock = createVirtualClock()
    const contract = cancellationContract({
      makeSource: () => ({ source: script(clock), isClosed: () => false }),
      withinMs: 50,
      clock,
    })
    for (const message of Object.values(await failures(clock, contract))) expect(message).toMatch(/isClosed/)
  })

  it('refuses every hostile source that cannot be let go', async () => {
    const clock = createVirtualClock()
    for (const [name, make] of Object.entries(hostileSources({ clock }))) {
      if (make.ending !== 'forced') continue
      const contract = cancellationContract({ makeSource: () => ({ source: make() }), withinMs: 50, clock })
      expect(Object.keys(await failures(clock, contract)), name).not.toEqual([])
    }
  })
})

interface Shop {
  locks: number
  saved: number
}

type Work = (run: RunContext, clock: VirtualClock, shop: Shop) => Promise<unknown>

function producerFailures(work: Work): Promise<Record<string, string>> {
  const clock = createVirtualClock()
  const contract = cancellationContract({
    makeProducer() {
      const shop: Shop = { locks: 0, saved: 0 }
      const producer: Producer<unknown> = async (run) => work(run, clock, shop)
      return { producer, isReleased: () => shop.locks === 0, committed: () => shop.saved }
    },
    withinMs: 50,
    clock,
  })
  return failures(clock, contract)
}

const finite = (clock: VirtualClock) =>
  scriptedSource([{ do: 'wait', ms: 5 }, 'a', { do: 'wait', ms: 5 }, 'b', { do: 'wait', ms: 5 }, 'c'], { clock })

const pause = (clock: VirtualClock, ms: number) => new Promise<void>((resolve) => void clock.setTimer(ms, resolve))

describe('cancellationContract for producers', () => {
  it('holds for one that uses run.stream, run.defer and run.commit', async () => {
    const work: Work = async (run, clock, shop) => {
      shop.locks++
      run.defer(() => void shop.locks--)
      await run.stream(finite(clock))
      await run.commit(async () => {
        await pause(clock, 5)
        shop.saved++
      })
    }
    expect(await producerFailures(work)).toEqual({})
  })

  it.each<[string, Work, RegExp]>([
    [
      'that releases its lock only where all goes well',
      async (run, clock, shop) => {
        shop.locks++
        await run.stream(finite(clock))
        shop.locks--
      },
      /everything it took is given back \(isReleased\): not within 50 ms/,
    ],
    [
      'that saves by itself',
      async (run, clock, shop) => {
        await run.stream(finite(clock))
        shop.saved++
        await pause(clock, 5)
        run.emit('saved')
      },
      /commit none, and 1 results are visible/,
    ],
    [
      'that waits for something without heeding the signal',
      async (run, clock) => {
        run.emit('a')
        await pause(clock, 500)
      },
      /something in it does not heed run.signal|not within/,
    ],
    [
      'whose cleanup fails',
      async (run, clock) => {
        run.defer(() => {
          throw new Error('nothing to clean up')
        })
        await run.stream(finite(clock))
      },
      /its cleanups are 'failed'/,
    ],
    [
      'that fails by itself',
      async (run, clock) => {
        await run.stream(finite(clock))
        throw new Error('no')
      },
      /it is failed/,
    ],
  ])('refuses one %s', async (_, work, message) => {
    const failed = Object.values(await producerFailures(work))
    expect(failed.length).toBeGreaterThan(0)
    expect(failed.join('\n')).toMatch(message)
  })
})

describe('cancelAt', () => {
  const counting: Producer<string> = async (run) => {
    const { text } = await run.stream(scriptedSource(['a', 'b', 'c', 'd'], { hot: false }))
    return text
  }

  it('cancels after so many chunks', async () => {
    const outcome = await cancelAt(counting, { afterChunks: 2 })
    expect(outcome).toMatchObject({ status: 'cancelled', forced: false, cleanup: 'clean', commit: 'none' })
    expect(outcome.status === 'cancelled' && outcome.partial?.text).toMatch(/^ab/)
  })

  it('cancels before the first statement', async () => {
    const outcome = await cancelAt(counting, { afterChunks: 0 })
    expect(outcome).toMatchObject({ status: 'cancelled' })
    expect(outcome.status === 'cancelled' && outcome.partial?.text).toBe('')
  })

  it('tells how a producer ended that was faster', async () => {
    expect(await cancelAt(counting, { afterChunks: 9 })).toMatchObject({ status: 'completed', value: 'abcd' })
  })
})
