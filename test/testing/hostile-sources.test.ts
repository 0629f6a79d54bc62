import { describe, expect, it } from 'vitest'
import { createVirtualClock, hostileSources, type VirtualClock } from '../../src/testing/index.js'

type Source = ReturnType<ReturnType<typeof hostileSources>['stalls']>
type End = { end: 'completes'; text: string } | { end: 'fails' } | undefined

/** The smallest reader that is correct: it proves that each ending is reachable. */
function read(source: Source, clock: VirtualClock) {
  const state = { text: '', end: undefined as End, released: false, stopped: false }
  let pending: PromiseLike<IteratorResult<unknown>> | undefined
  let close: () => unknown = () => {}

  function open(): () => PromiseLike<IteratorResult<unknown>> {
    if (source instanceof ReadableStream) {
      const reader = source.getReader()
      close = () => reader.cancel()
      return () => reader.read() as Promise<IteratorResult<unknown>>
    }
    const iterator = source[Symbol.asyncIterator]()
    close = () => iterator.return?.() ?? Promise.reject(new Error('cannot be closed'))
    return () => iterator.next()
  }

  async function pump(): Promise<void> {
    try {
      const next = open()
      let yieldAt = clock.monotonic() + 5
      while (!state.stopped) {
        pending = next()
        const result = await pending
        if (state.stopped) return
        if (!isObject(result)) throw new TypeError('no iterator result')
        if (result.done) {
          state.end = { end: 'completes', text: state.text }
          return
        }
        if (typeof result.value !== 'string') throw new TypeError('no chunk')
        state.text += result.value
        if (clock.monotonic() < yieldAt) continue
        await clock.yieldMacrotask()
        yieldAt = clock.monotonic() + 5
      }
    } catch {
      state.end ??= { end: 'fails' }
    }
  }

  async function release(): Promise<void> {
    const closed = await close()
    if (closed !== undefined && !(closed as IteratorResult<unknown>).done) return
    await Promise.resolve(pending).catch(() => {})
    state.released = true
  }

  void pump()
  return {
    state,
    cancel() {
      state.stopped = true
      release().catch(() => {})
    },
  }
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null

const named = Object.entries(hostileSources())

describe('hostile sources', () => {
  it('hands out a fresh source at each call, with a trap id and a description', () => {
    for (const [name, make] of named) {
      expect(make(), name).not.toBe(make())
      expect(make.trap, name).toMatch(/^T\d\d$/)
      expect(make.description, name).toBeTruthy()
      expect(make.text !== undefined, name).toBe(make.ending === 'completes')
    }
  })

  it('covers the traps of sources', () => {
    expect([...new Set(named.map(([, { trap }]) => trap))].sort()).toEqual([
      'T04',
      'T05',
      'T06',
      'T08',
      'T11',
      'T12',
      'T13',
      'T14',
    ])
  })

  for (const name of named.map(([key]) => key) as Array<keyof ReturnType<typeof hostileSources>>) {
    it(`${name}: ends as it says in a correct reader, and starves nobody on a virtual clock`, async () => {
      const clock = createVirtualClock()
      const make = hostileSources({ clock })[name]
      const reader = read(make(), clock)
      let timerFired = false
      clock.setTimer(10, () => {
        timerFired = true
      })
      await clock.advance(20)
      expect(timerFired).toBe(true)

      switch (make.ending) {
        case 'completes':
          expect(reader.state.end).toEqual({ end: 'completes', text: make.text })
          return
        case 'fails':
          expect(reader.state.end).toEqual({ end: 'fails' })
          return
        case 'completes-or-fails':
          expect(reader.state.end).toBeDefined()
          return
        default:
          expect(reader.state.end).toBeUndefined()
      }
      reader.cancel()
      await clock.settle()
      if (make.ending === 'cancelled') expect(reader.state.released).toBe(true)
      if (make.ending === 'forced') expect(reader.state.released).toBe(false)
      expect(clock.timers()).toEqual([])
    })
  }

  it('paces endless sources in real macrotasks when no clock is given', async () => {
    const chunks: unknown[] = []
    for await (const chunk of hostileSources().ignoresSignal() as AsyncIterable<unknown>) {
      chunks.push(chunk)
      if (chunks.length === 3) break
    }
    expect(chunks).toEqual(['x', 'x', 'x'])
  })

  it('burns the time of a virtual clock in always-ready sources, because nothing else would', async () => {
    const clock = createVirtualClock()
    const iterator = (hostileSources({ clock }).alwaysReady() as AsyncIterable<unknown>)[Symbol.asyncIterator]()
    for (let pull = 0; pull < 20; pull++) await iterator.next()
    expect(clock.monotonic()).toBeCloseTo(1)
  })

  it('goes on yielding from yieldsAfterReturn when return() has been called', async () => {
    const iterator = (hostileSources().yieldsAfterReturn() as AsyncIterable<unknown>)[Symbol.asyncIterator]()
    const pending = iterator.next()
    await iterator.return?.()
    expect(await pending).toEqual({ done: false, value: 'late' })
    expect(await iterator.next()).toEqual({ done: false, value: 'late' })
  })

  it('answers return() of yieldsInFinally with another chunk', async () => {
    const iterator = (hostileSources().yieldsInFinally() as AsyncIterable<unknown>)[Symbol.asyncIterator]()
    await iterator.next()
    expect(await iterator.return?.()).toEqual({ done: false, value: 'after return' })
  })
})
