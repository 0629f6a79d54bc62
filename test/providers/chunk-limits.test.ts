import { InvalidOptionsError } from 'generation-jobs'
import { type ChunkLimits, fromNodeReadable, fromReadableStream } from 'generation-jobs/providers'
import { createVirtualClock } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { rejection, thrownBy } from '../support/caught.js'
import { within } from '../support/within.js'
import type { OpenedSource } from './support/read-source.js'

/** A stream in a test's hands, behind limits on a virtual clock. */
function limited(limits: ChunkLimits) {
  const clock = createVirtualClock()
  let controller: ReadableStreamDefaultController<string | object> | undefined
  let isCancelled = false
  const stream = new ReadableStream<string | object>({
    start: (given) => {
      controller = given
    },
    cancel: () => {
      isCancelled = true
    },
  })
  return {
    clock,
    source: fromReadableStream(stream, { ...limits, clock }) as OpenedSource,
    send: (...items: readonly (string | object)[]) => {
      for (const item of items) controller?.enqueue(item)
    },
    isCancelled: () => isCancelled,
  }
}

const LIMITS = { firstChunkMs: 1_000, idleChunkMs: 100 }

describe('firstChunkMs', () => {
  it('counts from the first next(), and everything before the first text', async () => {
    const { clock, source, send, isCancelled } = limited(LIMITS)
    await clock.advance(5_000)
    send({ metadata: { a: 1 } }, {}, {})
    for (let item = 0; item < 3; item++) {
      await source.next()
      await clock.advance(300)
    }
    const error = rejection(source.next())
    await clock.advance(99)
    expect(isCancelled()).toBe(false)
    expect(await within(clock, 1, error)).toMatchObject({
      code: 'provider.unavailable',
      message: 'The model provider sent no text for 1000 ms (firstChunkMs).',
    })
    expect(isCancelled()).toBe(true)
    expect(clock.timers()).toEqual([])
  })

  it('ends with the first text', async () => {
    const { clock, source, send } = limited({ firstChunkMs: 1_000 })
    const first = source.next()
    send('a')
    expect(await first).toEqual({ done: false, value: { text: 'a' } })
    const next = source.next()
    await clock.advance(100_000)
    expect(clock.timers()).toEqual([])
    send('b')
    expect(await next).toEqual({ done: false, value: { text: 'b' } })
  })
})

describe('idleChunkMs', () => {
  it('fails the source when the provider sends nothing for so long, and closes it', async () => {
    const { clock, source, send, isCancelled } = limited(LIMITS)
    send('a')
    await source.next()
    const error = rejection(source.next())
    await clock.advance(99)
    expect(isCancelled()).toBe(false)
    expect(await within(clock, 1, error)).toMatchObject({
      code: 'provider.unavailable',
      message: 'The model provider sent nothing for 100 ms (idleChunkMs).',
    })
    expect(isCancelled()).toBe(true)
    expect(clock.timers()).toEqual([])
  })

  it('is a limit of one wait: what comes in time starts it anew', async () => {
    const { clock, source, send } = limited(LIMITS)
    send('a')
    await source.next()
    for (let item = 0; item < 20; item++) {
      const next = source.next()
      await clock.advance(99)
      send(item % 2 === 0 ? 'b' : {})
      await next
    }
    const error = rejection(source.next())
    await clock.advance(99)
    expect(await within(clock, 1, error)).toMatchObject({ code: 'provider.unavailable' })
  })

  it('does not count the time that the reader takes', async () => {
    const { clock, source, send } = limited(LIMITS)
    send('a', 'b')
    await source.next()
    await clock.advance(100_000)
    expect(await source.next()).toEqual({ done: false, value: { text: 'b' } })
    await source.return()
    expect(clock.timers()).toEqual([])
  })

  it('counts from the start when there is no firstChunkMs', async () => {
    const { clock, source } = limited({ idleChunkMs: 100 })
    const error = rejection(source.next())
    await clock.advance(99)
    expect(await within(clock, 1, error)).toMatchObject({ code: 'provider.unavailable' })
  })

  it('sets one timer, however many chunks come', async () => {
    const { clock, source, send } = limited({ idleChunkMs: 100 })
    let most = 0
    let set = 0
    const { setTimer } = clock
    clock.setTimer = (...args) => {
      set++
      return setTimer(...args)
    }
    for (let item = 0; item < 1_000; item++) {
      send('a')
      await source.next()
      most = Math.max(most, clock.timers().length)
    }
    expect(most).toBe(1)
    expect(set).toBeLessThanOrEqual(2) // one until the first text, one after it
  })
})

describe('limits that cannot be used', () => {
  it.each([
    [{ firstChunkMs: 0 }, 'firstChunkMs to be milliseconds above 0 and up to 2147483647, got 0'],
    [{ idleChunkMs: Number.NaN }, 'idleChunkMs to be milliseconds above 0 and up to 2147483647, got NaN'],
    [{ idleChunkMs: 2 ** 31 }, 'got 2147483648'],
    [{ idleChunkMs: '5' }, "got '5'"],
    [{ clock: {} }, 'clock to be a Clock, got an object'],
    [{ idleMs: 5 }, 'firstChunkMs, idleChunkMs and clock only, got idleMs'],
    [null, 'limits to be an object, got null'],
  ])('REG-12: %j are refused at the call', (limits, message) => {
    const error = thrownBy(() => fromReadableStream(new ReadableStream(), limits as never))
    expect(error).toBeInstanceOf(InvalidOptionsError)
    expect(String(error)).toContain(message)
    expect(String(error)).toContain('fromReadableStream: expected')
  })

  it('REG-12: a source that is none is refused at the call', () => {
    expect(String(thrownBy(() => fromNodeReadable('text' as never)))).toContain("expected a Readable, got 'text'")
    expect(String(thrownBy(() => fromReadableStream({} as never)))).toContain(
      'expected a ReadableStream, got an object',
    )
    const locked = new ReadableStream()
    locked.getReader()
    expect(String(thrownBy(() => fromReadableStream(locked)))).toContain('locked')
  })
})
