import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ChunkLimits } from 'generation-jobs/providers'
import { countingSignal, createVirtualClock } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { rejection } from '../support/caught.js'
import { within } from '../support/within.js'
import { TEXTS } from './support/fake-provider.js'
import { fakeProvider } from './support/fake-provider-fixture.js'
import { openSource, readSource, readText } from './support/read-source.js'
import { SDK_MODELS } from './support/sdk-models.js'

const TEXT = TEXTS.join('')
const DONE = { done: true, value: undefined }
const CANCELLED = new DOMException('cancelled by a test', 'AbortError')

describe.each(SDK_MODELS)('a source of $name', ({ model, hasTidyRetries }) => {
  it('asks nothing before the first next(), nor when it is dropped before', async () => {
    const provider = await fakeProvider()
    const source = await openSource(model(provider.url))
    expect(await source.return()).toEqual(DONE)
    expect(await source.next()).toEqual(DONE)
    const aborted = await openSource(model(provider.url))
    aborted.abort(CANCELLED)
    expect(await rejection(aborted.next())).toBe(CANCELLED)
    expect(provider.calls).toEqual([])
  })

  it('asks nothing when its signal is aborted already, and rejects with the reason', async () => {
    const provider = await fakeProvider()
    const source = await openSource(model(provider.url), AbortSignal.abort(CANCELLED))
    expect(await rejection(source.next())).toBe(CANCELLED)
    expect(await source.next()).toEqual(DONE)
    expect(provider.calls).toEqual([])
  })

  describe.each([
    ['the provider stalls before its headers', 'stall-before-headers', 0],
    ['the provider stalls mid-stream', 'stall-mid-stream', TEXT.length],
  ] as const)('while %s', (_, fault, read) => {
    async function pendingNext({ signal, limits }: { signal?: AbortSignal; limits?: ChunkLimits } = {}) {
      const provider = await fakeProvider({ fault })
      const source = await openSource(model(provider.url, limits && { limits }), signal)
      await readText(source, read)
      const next = source.next()
      const call = await provider.call(0)
      await call.written
      expect(call.isClosed()).toBe(false)
      return { source, next, call }
    }

    it('return() alone settles a pending next() and closes the connection', async () => {
      const { source, next, call } = await pendingNext()
      const returned = source.return()
      expect(await next).toEqual(DONE)
      expect(await returned).toEqual(DONE)
      await call.closed
    })

    it('abort() rejects a pending next() with the reason and closes the connection', async () => {
      const { source, next, call } = await pendingNext()
      source.abort(CANCELLED)
      expect(await rejection(next)).toBe(CANCELLED)
      await call.closed
      expect(await source.return()).toEqual(DONE)
    })

    it('CAN-18: its signal rejects a pending next() with the reason and closes the connection', async () => {
      const { signal, abort, listeners } = countingSignal()
      const { next, call } = await pendingNext({ signal })
      expect(listeners()).toBe(1)
      const reason = new Error('any reason')
      abort(reason)
      expect(await rejection(next)).toBe(reason)
      expect(listeners()).toBe(0)
      await call.closed
    })

    it('fails as provider.unavailable at its time limit, and closes the connection', async () => {
      const clock = createVirtualClock()
      const [name, limits] =
        read === 0
          ? ['firstChunkMs', { firstChunkMs: 500 }]
          : ['idleChunkMs', { firstChunkMs: 9_000, idleChunkMs: 500 }]
      const { next, call } = await pendingNext({ limits: { ...limits, clock } })
      const error = rejection(next)
      await clock.advance(499)
      expect(call.isClosed()).toBe(false)
      expect(await within(clock, 1, error)).toMatchObject({
        code: 'provider.unavailable',
        message: expect.stringContaining(`for 500 ms (${name})`),
      })
      await call.closed
      expect(clock.timers()).toEqual([])
    })
  })

  it('closes the connection of a flowing stream when its reader leaves', async () => {
    const provider = await fakeProvider({ fault: 'endless' })
    const { signal, listeners } = countingSignal()
    for await (const { text } of await openSource(model(provider.url), signal)) if (text === TEXTS[2]) break
    expect(listeners()).toBe(0)
    await provider.calls[0]?.closed
  })

  it('closes the connection of a flowing stream when its reader throws', async () => {
    const provider = await fakeProvider({ fault: 'endless' })
    const source = await openSource(model(provider.url))
    const reading = (async () => {
      for await (const { text } of source) if (text === TEXTS[2]) throw new Error('reader')
    })()
    expect(await rejection(reading)).toEqual(new Error('reader'))
    await provider.calls[0]?.closed
  })

  it('closes the connection when it is dropped between two reads, and says why at the next', async () => {
    const provider = await fakeProvider({ fault: 'endless' })
    const controller = new AbortController()
    const source = await openSource(model(provider.url), controller.signal)
    await readText(source, 3)
    controller.abort(CANCELLED)
    expect(await rejection(source.next())).toBe(CANCELLED)
    expect(await source.next()).toEqual(DONE)
    await provider.calls[0]?.closed
  })

  it('leaves nothing on its signal, however it ends', async () => {
    const { signal, listeners, peakListeners } = countingSignal()
    for (const fault of [undefined, 'silent-end', { status: 500 }] as const) {
      const provider = await fakeProvider(fault === undefined ? {} : { fault })
      await readSource(await openSource(model(provider.url), signal))
      expect(listeners()).toBe(0)
    }
    expect(peakListeners()).toBe(1)
  })

  it('ends the retries of the SDK when it is aborted, and their timers where the SDK can', async () => {
    const provider = await fakeProvider({ fault: { status: 429, headers: { 'retry-after': '30' } } })
    const timers = activeTimers()
    const source = await openSource(model(provider.url, { maxRetries: 3 }))
    const next = source.next()
    await (await provider.call(0)).written
    const settled = next.then(
      () => true,
      () => true,
    )
    // Long enough for the SDK to have read the answer; without retries it would have failed by then.
    for (let turn = 0; turn < 100; turn++) await nextTurn()
    expect(await Promise.race([settled, nextTurn(false)])).toBe(false)
    source.abort(CANCELLED)
    expect(await rejection(next)).toBe(CANCELLED)
    await source.return()
    expect(provider.calls).toHaveLength(1)
    if (hasTidyRetries) expect(activeTimers()).toBeLessThanOrEqual(timers)
  })
})

function activeTimers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
}
