import { describe, expect, it } from 'vitest'
import { controlledSource, createVirtualClock, scriptedSource } from '../../src/testing/index.js'

const DONE = { done: true, value: undefined }
const chunk = (value: unknown) => ({ done: false, value })
const open = (source: AsyncIterable<unknown>) => source[Symbol.asyncIterator]()
const collect = async (source: AsyncIterable<unknown>) => {
  const chunks: unknown[] = []
  for await (const value of source) chunks.push(value)
  return chunks
}
/** What a promise settled to by now, after microtasks alone. */
const peek = async (promise: PromiseLike<unknown> | undefined) => {
  let seen: unknown = 'pending'
  promise?.then(
    (value) => {
      seen = value
    },
    (error) => {
      seen = { rejected: error }
    },
  )
  await createVirtualClock().runMicrotasks()
  return seen
}

describe('scripted source: script', () => {
  it('plays strings and model chunks in order, then ends', async () => {
    const source = scriptedSource(['a', { text: 'b', finish: 'stop' }, '', { metadata: { model: 'm' } }])
    expect(await collect(source)).toEqual(['a', { text: 'b', finish: 'stop' }, '', { metadata: { model: 'm' } }])
    expect(source).toMatchObject({
      opened: 1,
      nextCalls: 5,
      deliveredCount: 4,
      returnCalls: 0,
      closed: true,
      pendingNext: 0,
    })
  })

  it('stays ended once done, also when the script goes on', async () => {
    const iterator = open(scriptedSource(['a', { do: 'done' }, 'never']))
    expect([await iterator.next(), await iterator.next(), await iterator.next()]).toEqual([chunk('a'), DONE, DONE])
  })

  it('throws what the script says, by identity, and is closed afterwards', async () => {
    const source = scriptedSource(['a', { do: 'throw', error: undefined }, 'never'])
    const iterator = open(source)
    await iterator.next()
    expect(await peek(iterator.next())).toEqual({ rejected: undefined })
    expect(source.closed).toBe(true)
    expect(await iterator.next()).toEqual(DONE)
  })

  it('waits on the clock and clears its timer when it is closed', async () => {
    const clock = createVirtualClock()
    const source = scriptedSource([{ do: 'wait', ms: 100 }, 'a', { do: 'wait', ms: 100 }, 'b'], { clock })
    const iterator = open(source)
    const first = iterator.next()
    await clock.advance(99)
    expect(source.deliveredCount).toBe(0)
    await clock.advance(1)
    expect(await first).toEqual(chunk('a'))
    const second = iterator.next()
    await clock.settle()
    expect(clock.timers()).toHaveLength(1)
    await iterator.return?.()
    expect(clock.timers()).toHaveLength(0)
    expect(await second).toEqual(DONE)
  })

  it('goes through a macrotask where the script says yield', async () => {
    const clock = createVirtualClock({ frozenMacrotasks: true })
    const source = scriptedSource([{ do: 'yield' }, 'a'], { clock })
    const next = open(source).next()
    expect(await peek(next)).toBe('pending')
    await clock.serveYields()
    expect(await next).toEqual(chunk('a'))
  })

  it('yields through a real macrotask without a clock', async () => {
    const next = open(scriptedSource([{ do: 'yield' }, 'a'])).next()
    expect(await peek(next)).toBe('pending')
    expect(await next).toEqual(chunk('a'))
  })

  it('calls back inside a pending next, and rejects it with what the callback throws', async () => {
    const pendingAtCall: number[] = []
    const refusal = new Error('no')
    const source = scriptedSource([
      { do: 'call', fn: () => pendingAtCall.push(source.pendingNext) },
      'a',
      {
        do: 'call',
        fn: () => {
          throw refusal
        },
      },
    ])
    const iterator = open(source)
    expect(await iterator.next()).toEqual(chunk('a'))
    await expect(iterator.next()).rejects.toBe(refusal)
    expect(pendingAtCall).toEqual([1])
  })

  it('does not play on for a next that was closed by its own callback', async () => {
    const source = scriptedSource([{ do: 'call', fn: () => source.abort('now') }, 'never'])
    expect(await open(source).next()).toEqual(DONE)
    expect([source.abortReasons, source.deliveredCount]).toEqual([['now'], 0])
  })

  it('repeats for ever when asked, answering in the same tick when hot', async () => {
    const calls: number[] = []
    const source = scriptedSource(['a', 'b'], { repeat: true, hot: true, onNext: (call) => calls.push(call) })
    const iterator = open(source)
    const results = [iterator.next(), iterator.next(), iterator.next()]
    expect([source.deliveredCount, source.pendingNext]).toEqual([3, 0])
    expect(await Promise.all(results)).toEqual([chunk('a'), chunk('b'), chunk('a')])
    expect(calls).toEqual([1, 2, 3])
  })

  it('refuses to repeat a script that could never answer', () => {
    expect(() => scriptedSource([], { repeat: true })).toThrow(TypeError)
  })
})

describe('scripted source: being closed', () => {
  it('settles a hanging next as done when return is called, and has no more chunks', async () => {
    const source = scriptedSource([{ do: 'hang' }, 'never'])
    const iterator = open(source)
    const next = iterator.next()
    expect(await peek(next)).toBe('pending')
    expect(await iterator.return?.()).toEqual(DONE)
    expect(await next).toEqual(DONE)
    expect(await iterator.next()).toEqual(DONE)
    expect(source).toMatchObject({ returnCalls: 1, closed: true, deliveredCount: 0 })
  })

  it('heeds abort like return and keeps the reasons by identity', async () => {
    const source = scriptedSource([{ do: 'hang' }])
    const next = open(source).next()
    const reason = new Error('why')
    source.abort(reason)
    source.abort('again')
    expect(await next).toEqual(DONE)
    expect(source.abortReasons[0]).toBe(reason)
    expect(source.abortReasons).toHaveLength(2)
  })

  it('counts a next that overlaps a pending one', () => {
    const source = scriptedSource([{ do: 'hang' }, { do: 'hang' }])
    const iterator = open(source)
    void iterator.next()
    void iterator.next()
    expect(source).toMatchObject({ overlappingNextCalls: 1, pendingNext: 2 })
  })
})

describe('scripted source: faults', () => {
  it('deaf: yields on after return and abort', async () => {
    const source = scriptedSource(['a', 'b'], { deaf: true })
    const iterator = open(source)
    source.abort('stop')
    expect(await iterator.return?.()).toEqual(DONE)
    expect(await iterator.next()).toEqual(chunk('a'))
    expect([source.closed, source.returnCalls]).toEqual([false, 1])
  })

  it('returnHangs: return and the pending next stay open', async () => {
    const iterator = open(scriptedSource([{ do: 'hang' }], { returnHangs: true }))
    const next = iterator.next()
    expect(await peek(iterator.return?.())).toBe('pending')
    expect(await peek(next)).toBe('pending')
  })

  it('returnThrows: return throws in the calling tick', () => {
    const source = scriptedSource(['a'], { returnThrows: true })
    expect(() => open(source).return?.()).toThrow('return() threw')
    expect(source).toMatchObject({ returnCalls: 1, closed: false })
  })

  it('returnRejects: return rejects', async () => {
    await expect(open(scriptedSource(['a'], { returnRejects: true })).return?.()).rejects.toThrow('return() rejected')
  })

  it('nextRejectsLate: the pending next rejects a macrotask after the close', async () => {
    const clock = createVirtualClock()
    const source = scriptedSource([{ do: 'hang' }], { nextRejectsLate: true, clock })
    const iterator = open(source)
    const next = iterator.next()
    await clock.runMicrotasks()
    expect(await iterator.return?.()).toEqual(DONE)
    expect(await peek(next)).toBe('pending')
    await clock.serveYields()
    await expect(next).rejects.toThrow('late')
  })

  it('nextRejectsLate: works without a clock', async () => {
    const source = scriptedSource([{ do: 'hang' }], { nextRejectsLate: true })
    const next = open(source).next()
    source.abort('stop')
    await expect(next).rejects.toThrow('late')
  })

  it('thenableResults: results have then and nothing else', async () => {
    const next = open(scriptedSource(['a'], { thenableResults: true })).next()
    expect(next).not.toBeInstanceOf(Promise)
    expect(Object.keys(next)).toEqual(['then'])
    expect(await next).toEqual(chunk('a'))
  })

  it('syncThrowOnOpen: asking for the iterator throws', () => {
    const source = scriptedSource(['a'], { syncThrowOnOpen: true })
    expect(() => open(source)).toThrow('[Symbol.asyncIterator]() threw')
    expect(source).toMatchObject({ opened: 1, nextCalls: 0 })
  })
})

describe('controlled source', () => {
  it('answers a pending next in the tick of the push', async () => {
    const source = controlledSource()
    const next = open(source).next()
    expect(source.push('a')).toBe(true)
    expect([source.pendingNext, source.deliveredCount]).toEqual([0, 1])
    expect(await next).toEqual(chunk('a'))
  })

  it('keeps what is pushed with nobody waiting, in order, the end included', async () => {
    const source = controlledSource()
    expect(source.push('a')).toBe(false)
    source.push('b')
    source.end('stop')
    expect(await collect(source)).toEqual(['a', 'b', { finish: 'stop' }])
  })

  it('ends without a finish reason when none is given', async () => {
    const source = controlledSource()
    const next = open(source).next()
    source.end()
    expect(await next).toEqual(DONE)
    expect(source.closed).toBe(true)
  })

  it('fails the pending next with the error given', async () => {
    const source = controlledSource()
    const next = open(source).next()
    source.fail('why')
    await expect(next).rejects.toBe('why')
  })

  it('gives nothing to a next that was closed before the push', async () => {
    const source = controlledSource()
    const iterator = open(source)
    const next = iterator.next()
    void iterator.return?.()
    expect(source.push('late')).toBe(false)
    expect(await next).toEqual(DONE)
    expect(source.deliveredCount).toBe(0)
  })

  it('delivers or fails after return when it is deaf, to test what a reader does with it', async () => {
    const source = controlledSource({ deaf: true })
    const iterator = open(source)
    const first = iterator.next()
    void iterator.return?.()
    expect(source.push('late')).toBe(true)
    expect(await first).toEqual(chunk('late'))
    const second = iterator.next()
    source.fail('later still')
    await expect(second).rejects.toBe('later still')
  })
})
