import type { ModelChunk } from 'generation-jobs'
import { InvalidOptionsError, JobCancelledError } from 'generation-jobs'
import { fromAiSdk } from 'generation-jobs/providers'
import { createVirtualClock } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { rejection } from '../support/caught.js'
import { tap } from '../support/tap.js'
import { within } from '../support/within.js'
import { openSource, readModel } from './support/read-source.js'

type Part = { type: string; [key: string]: unknown }

const text = (content: string): Part => ({ type: 'text-delta', text: content })
const finish = (finishReason = 'stop', more: object = {}): Part => ({
  type: 'finish',
  finishReason,
  totalUsage: { inputTokens: 1, outputTokens: 2 },
  ...more,
})

async function* parts(...all: readonly Part[]): AsyncGenerator<Part, void, void> {
  yield* all
}

/** An upstream in a test's hands. */
function heldUpstream() {
  const items = tap<IteratorResult<Part, undefined>>()
  const closed: string[] = []
  const iterator = {
    next: () => items.next(),
    return: async () => {
      closed.push('return')
      return { done: true, value: undefined } as const
    },
  }
  return {
    ...items,
    give: (value: Part) => items.give({ done: false, value }),
    closed,
    stream: { [Symbol.asyncIterator]: () => iterator },
  }
}

const NEVER = new Promise<never>(() => {})

describe('an upstream that hangs', () => {
  it('G3: does not keep a pending next(), and return() tells that it has not let go', async () => {
    const clock = createVirtualClock()
    const deaf = { [Symbol.asyncIterator]: () => ({ next: () => NEVER, return: () => NEVER }) }
    const source = await openSource(fromAiSdk(() => ({ stream: deaf })))
    const next = source.next()
    const returned = source.return()
    expect(await within(clock, 0, next)).toEqual({ done: true, value: undefined })
    await expect(within(clock, 60_000, returned)).rejects.toThrow('has not settled')
  })

  it('G3: does not keep a pending next() when it never opens', async () => {
    const source = await openSource(fromAiSdk(() => NEVER))
    const next = source.next()
    source.abort(new Error('enough'))
    expect(await rejection(next)).toEqual(new Error('enough'))
  })

  it('REG-08: is closed unread when it opens too late', async () => {
    const upstream = heldUpstream()
    let open: (value: { stream: typeof upstream.stream }) => void = () => {}
    const opening = new Promise<{ stream: typeof upstream.stream }>((resolve) => {
      open = resolve
    })
    const source = await openSource(fromAiSdk(() => opening))
    const next = source.next()
    const returned = source.return()
    await next
    open({ stream: upstream.stream })
    await returned
    expect(upstream.closed).toEqual(['return'])
    expect(upstream.waiting).toBe(0)
  })
})

describe('an upstream that throws', () => {
  const boom = new Error('boom')
  it.each([
    [
      'when it is asked for',
      () => {
        throw boom
      },
    ],
    ['when it opens', () => Promise.reject(boom)],
    [
      'when it is iterated',
      () => ({
        stream: {
          [Symbol.asyncIterator]: () => {
            throw boom
          },
        },
      }),
    ],
    [
      'at next(), at once',
      () => ({
        stream: {
          [Symbol.asyncIterator]: () => ({
            next: () => {
              throw boom
            },
          }),
        },
      }),
    ],
    ['at next(), later', () => ({ stream: { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(boom) }) } })],
  ])('%s fails the source as provider.failed, with its error as the cause', async (_, call) => {
    const { error } = await readModel(fromAiSdk(call))
    expect(error).toMatchObject({ name: 'ProviderError', code: 'provider.failed', cause: boom })
    expect(String(error)).not.toContain('boom')
  })

  it('CLN-06: is not closed again after a next() that rejected', async () => {
    const upstream = heldUpstream()
    const source = await openSource(fromAiSdk(() => upstream))
    const next = source.next()
    upstream.fail(boom)
    await rejection(next)
    await source.return()
    expect(upstream.closed).toEqual([])
  })

  it('passes errors of this library as they are', async () => {
    const own = new InvalidOptionsError('wrong')
    expect((await readModel(fromAiSdk(() => Promise.reject(own)))).error).toBe(own)
  })

  it.each([
    ['nothing', undefined],
    ['a stream that is none', { stream: {} }],
  ])('a function that gives %s is told what was expected', async (_, result) => {
    const { error } = await readModel(fromAiSdk(() => result as never))
    expect(error).toBeInstanceOf(InvalidOptionsError)
    expect(String(error)).toContain('expected the function to give the result of streamText')
  })

  it('an item that is no iterator result fails the source', async () => {
    const stream = { [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve(undefined as never) }) }
    expect((await readModel(fromAiSdk(() => ({ stream })))).error).toMatchObject({ code: 'provider.failed' })
  })
})

describe('the parts of the AI SDK', () => {
  const read = (...all: readonly Part[]) => readModel(fromAiSdk(() => ({ fullStream: parts(...all) })))

  it('an error part fails the source, also when a finish follows', async () => {
    const reading = await read(text('a'), { type: 'error', error: { type: 'server_error' } }, finish())
    expect(reading).toMatchObject({ text: 'a', finish: undefined, error: { code: 'provider.unavailable' } })
  })

  it('an abort part that is not ours is no end: provider.truncated', async () => {
    expect((await read(text('a'), { type: 'abort' })).error).toMatchObject({ code: 'provider.truncated' })
  })

  it('only the last finish counts, not that of a step', async () => {
    const step = { type: 'finish-step', finishReason: 'tool-calls' }
    expect(await read(text('a'), step, text('b'), finish())).toMatchObject({
      text: 'ab',
      finish: 'stop',
      error: undefined,
    })
  })

  it.each(['other', 'unknown'])(
    'the finish reason %s without a word of the provider is provider.truncated',
    async (reason) => {
      expect((await read(text('a'), finish(reason))).error).toMatchObject({ code: 'provider.truncated' })
    },
  )

  it('a finish reason that nobody knows is no complete one', async () => {
    expect(await read(text('a'), finish('other', { rawFinishReason: 'new' }))).toMatchObject({ finish: 'error' })
  })

  it('without usage there is no metadata', async () => {
    const { metadata, usage } = await read(text('abcde'), finish('stop', { totalUsage: {} }))
    expect(metadata).toEqual([])
    expect(usage).toEqual({ outputTokens: 2, quality: 'estimated' })
  })

  it('the stream is asked for once, since each read of the property splits it', async () => {
    let reads = 0
    const result = {
      get stream() {
        reads++
        return parts(text('a'), finish())
      },
    }
    await readModel(fromAiSdk(() => result))
    expect(reads).toBe(1)
  })
})

describe('the signal that an SDK is given', () => {
  async function abortedWith(reason: unknown): Promise<unknown> {
    const controller = new AbortController()
    let given: AbortSignal | undefined
    const model = fromAiSdk((_, { signal }) => {
      given = signal
      return { stream: heldUpstream().stream }
    })
    const source = await openSource(model, controller.signal)
    const next = source.next()
    expect(given?.aborted).toBe(false)
    controller.abort(reason)
    await rejection(next)
    expect(given).not.toBe(controller.signal)
    expect(given?.aborted).toBe(true)
    return given?.reason
  }

  it.each([
    ['a string', 'stop'],
    ['an Error', new Error('stop')],
    ['null', null],
  ])('aborts with an AbortError when its own was aborted with %s', async (_, reason) => {
    expect(await abortedWith(reason)).toMatchObject({ name: 'AbortError' })
  })

  it('aborts with the JobCancelledError of a cancelled job, by identity', async () => {
    const cancelled = new JobCancelledError('job-1', { kind: 'user', at: 0 })
    expect(await abortedWith(cancelled)).toBe(cancelled)
  })

  it('aborts when the source is complete, too: what the SDK still holds is released', async () => {
    let given: AbortSignal | undefined
    await readModel(
      fromAiSdk((_, { signal }) => {
        given = signal
        return { stream: parts(text('a'), finish()) }
      }),
    )
    expect(given?.aborted).toBe(true)
  })
})

describe('a reader', () => {
  it('that calls next() twice at once is served in order', async () => {
    const source = await openSource(fromAiSdk(() => ({ stream: parts(text('a'), text('b'), finish()) })))
    const chunks = await Promise.all([source.next(), source.next(), source.next(), source.next()])
    expect(chunks.map(({ value }) => value?.text)).toEqual(['a', 'b', undefined, undefined])
    expect(chunks.map(({ done }) => done)).toEqual([false, false, false, true])
  })

  it('CAN-05: is not starved by a stream of parts that are no text', async () => {
    let read = 0
    const hot = {
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ done: false as const, value: { type: 'reasoning-delta', read: read++ } }),
      }),
    }
    const source = await openSource(fromAiSdk(() => ({ stream: hot })))
    expect(await source.next()).toEqual({ done: false, value: {} })
    expect(read).toBeLessThan(1_000)
    await source.return()
  })

  it('waits two seconds for usage after the finish reason, not longer', async () => {
    const clock = createVirtualClock()
    const upstream = heldUpstream()
    const source = await openSource(fromAiSdk(() => upstream, { clock }))
    const first = source.next()
    upstream.give(finish('stop', { totalUsage: undefined }))
    expect(await first).toEqual({ done: false, value: { finish: 'stop' } })
    const next: Promise<IteratorResult<ModelChunk>> = source.next()
    await clock.advance(1_999)
    expect(upstream.closed).toEqual([])
    expect(await within(clock, 1, next)).toEqual({ done: true, value: undefined })
    expect(upstream.closed).toEqual(['return'])
    expect(clock.timers()).toEqual([])
  })
})
