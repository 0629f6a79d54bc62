import type { JobHandle } from 'generation-jobs'
import { fromOpenAIResponses } from 'generation-jobs/providers'
import { createVirtualClock, type VirtualClock } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { rejection } from '../support/caught.js'
import { fixture } from '../support/fixture.js'
import { within } from '../support/within.js'
import { type Answer, type ProviderCall, TEXTS } from './support/fake-provider.js'
import { fakeProvider } from './support/fake-provider-fixture.js'
import { openSource, readModel, readSource, readText } from './support/read-source.js'
import { openaiClient } from './support/sdk-models.js'

const TEXT = TEXTS.join('')
const DONE = { done: true, value: undefined }
/** The third of the events before the first text is 2, so the first text is 3. */
const FIRST_TEXT = 3
const CUT: Answer = { fault: 'cut-mid-frame', textsBeforeFault: 1 }
const STALLED: Answer = { fault: 'stall-mid-stream', textsBeforeFault: 1 }

const background = (url: string, clock?: VirtualClock) =>
  fromOpenAIResponses(openaiClient(url), { model: 'm', background: true }, { clock })
const shown = (calls: readonly ProviderCall[]) => calls.map(({ method, url }) => `${method} ${url}`)
const resume = (after: number) => `GET /v1/responses/resp_1?stream=true&starting_after=${after}`
const CREATE = 'POST /v1/responses'
const CANCEL = 'POST /v1/responses/resp_1/cancel'

describe('a background response', () => {
  it('is created as such, and read to its end like any other', async () => {
    const provider = await fakeProvider()
    const reading = await readModel(background(provider.url))
    expect(reading).toMatchObject({ text: TEXT, finish: 'stop', usage: { quality: 'reported' }, error: undefined })
    expect(provider.calls[0]?.body).toMatchObject({ background: true, stream: true, input: 'a prompt' })
    expect(shown(provider.calls)).toEqual([CREATE])
  })

  it.each(['cut-mid-frame', 'silent-end'] as const)('is taken up where it was after %s', async (fault) => {
    const provider = await fakeProvider((index) => (index === 0 ? { fault, textsBeforeFault: 1 } : {}))
    const reading = await readModel(background(provider.url))
    expect(reading).toMatchObject({ text: TEXT, finish: 'stop', usage: { quality: 'reported' }, error: undefined })
    expect(reading.chunks.flatMap(({ text }) => text || [])).toEqual(TEXTS)
    expect(shown(provider.calls)).toEqual([CREATE, resume(FIRST_TEXT)])
  })

  it('is taken up as often as it makes progress', async () => {
    const provider = await fakeProvider((index) => (index < TEXTS.length ? CUT : {}))
    expect(await readModel(background(provider.url))).toMatchObject({ text: TEXT, error: undefined })
    expect(shown(provider.calls)).toEqual([CREATE, ...TEXTS.map((_, at) => resume(FIRST_TEXT + at))])
  })

  it('is given up, and cancelled, when it is broken off again and again without progress', async () => {
    const clock = createVirtualClock()
    const provider = await fakeProvider((index) => (index === 0 ? CUT : { fault: { status: 500 } }))
    const source = await openSource(background(provider.url, clock))
    const reading = readSource(source)
    for (let call = 0; call <= 4; call++) {
      await provider.call(call)
      await untilTimerOrSettled(clock, reading)
      await clock.advance(2_000)
    }
    expect(await reading).toMatchObject({ text: TEXTS[0], error: { code: 'provider.unavailable', status: 500 } })
    await source.return()
    expect(shown(provider.calls)).toEqual([CREATE, ...Array(4).fill(resume(FIRST_TEXT)), CANCEL])
    expect(clock.timers()).toEqual([])
  })

  it('gives no event twice when it is taken up further back', async () => {
    const created = { type: 'response.created', sequence_number: 0, response: { id: 'resp_1' } }
    const text = (sequence_number: number, delta: string) => {
      return { type: 'response.output_text.delta', sequence_number, delta }
    }
    const completed = { type: 'response.completed', sequence_number: 3, response: {} }
    const client = scriptedClient(
      () => stream(created, text(1, 'a')),
      () => stream(created, text(1, 'a'), text(2, 'b'), completed),
    )
    const reading = await readModel(fromOpenAIResponses(client, { background: true } as never))
    expect(reading).toMatchObject({ text: 'ab', finish: 'stop', error: undefined })
    expect(client.log).toEqual(['create', 'retrieve after 1'])
  })

  it('is not asked for again when the provider says no', async () => {
    const provider = await fakeProvider((index) => (index === 0 ? CUT : { fault: { status: 404 } }))
    const source = await openSource(background(provider.url))
    expect(await readSource(source)).toMatchObject({ error: { code: 'provider.refused', status: 404 } })
    await source.return()
    expect(shown(provider.calls)).toEqual([CREATE, resume(FIRST_TEXT), CANCEL])
  })

  it('that is not one is neither taken up nor cancelled', async () => {
    const provider = await fakeProvider(CUT)
    const model = fromOpenAIResponses(openaiClient(provider.url), { model: 'm' })
    const source = await openSource(model)
    expect(await readSource(source)).toMatchObject({ text: TEXTS[0], error: { code: 'provider.unavailable' } })
    await source.return()
    expect(shown(provider.calls)).toEqual([CREATE])
  })

  it.each(['error-frame', undefined] as const)('that is over (%s) is not cancelled', async (fault) => {
    const provider = await fakeProvider(fault ? { fault } : {})
    const source = await openSource(background(provider.url))
    await readSource(source)
    await source.return()
    expect(shown(provider.calls)).toEqual([CREATE])
  })
})

describe('a cancel of a background response', () => {
  it('closes the connection and cancels it at the provider, before the job settles', async () => {
    const provider = await fakeProvider((index) => (index === 0 ? STALLED : {}))
    const { manager } = fixture()
    const model = background(provider.url)
    const handle = await manager.register(async (run) => {
      const { text } = await run.stream(await model({ prompt: 'a prompt' }, run))
      return text
    })
    await firstChunk(handle)
    const cancelled = await handle.cancel()
    expect(cancelled).toMatchObject({ outcome: 'cancelled', forced: false, cleanup: 'clean' })
    expect(shown(provider.calls)).toEqual([CREATE, CANCEL])
    expect(await handle.settled).toMatchObject({ status: 'cancelled', commit: 'none', usage: { quality: 'estimated' } })
    await provider.calls[0]?.closed
  })

  it('is not mistaken for a broken stream, though the SDK ends it silently', async () => {
    const client = scriptedClient(async function* (signal) {
      yield { type: 'response.created', sequence_number: 0, response: { id: 'resp_1' } }
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
    })
    const source = await openSource(fromOpenAIResponses(client, { background: true } as never))
    const next = source.next()
    await new Promise((resolve) => setImmediate(resolve))
    await source.return()
    expect(await next).toEqual(DONE)
    expect(client.log).toEqual(['create', 'cancel resp_1'])
  })

  it('waits for the id of one that is being created, and cancels it too', async () => {
    const clock = createVirtualClock()
    const client = heldClient()
    const source = await openSource(fromOpenAIResponses(client, { background: true } as never, { clock }))
    const next = source.next()
    const returned = source.return()
    expect(await next).toEqual(DONE)
    await clock.advance(1_999)
    expect(client.log).toEqual(['create'])
    client.give({ type: 'response.created', sequence_number: 0, response: { id: 'resp_9' } })
    expect(await within(clock, 0, returned)).toEqual(DONE)
    expect(client.log).toEqual(['create', 'aborted', 'cancel resp_9'])
    expect(clock.timers()).toEqual([])
  })

  it('does not wait for it longer than two seconds', async () => {
    const clock = createVirtualClock()
    const provider = await fakeProvider({ fault: 'stall-before-headers' })
    const source = await openSource(background(provider.url, clock))
    const next = rejection(source.next())
    const call = await provider.call(0)
    const reason = new Error('stop')
    source.abort(reason)
    expect(await next).toBe(reason)
    const returned = source.return()
    await clock.advance(1_999)
    expect(call.isClosed()).toBe(false)
    await clock.advance(1)
    await returned
    await call.closed
    expect(shown(provider.calls)).toEqual([CREATE])
    expect(clock.timers()).toEqual([])
  })

  it('is let go of when the provider does not answer it', async () => {
    const clock = createVirtualClock()
    const provider = await fakeProvider((index) => (index === 0 ? STALLED : { fault: 'stall-before-headers' }))
    const source = await openSource(background(provider.url, clock))
    await readText(source, 1)
    const returned = source.return()
    const call = await provider.call(1)
    await clock.advance(1_199)
    expect(call.isClosed()).toBe(false)
    await clock.advance(1)
    await returned
    await call.closed
  })

  it('CVC-11: ends its being taken up again', async () => {
    const clock = createVirtualClock()
    const provider = await fakeProvider((index) => (index === 0 ? CUT : { fault: { status: 500 } }))
    const source = await openSource(background(provider.url, clock))
    await readText(source, 1)
    const next = source.next()
    await provider.call(1)
    await untilTimerOrSettled(clock, next)
    expect(clock.timers()).toHaveLength(1)
    await source.return()
    expect(await next).toEqual(DONE)
    expect(shown(provider.calls)).toEqual([CREATE, resume(FIRST_TEXT), CANCEL])
    expect(clock.timers()).toEqual([])
  })
})

async function firstChunk(handle: JobHandle<string>): Promise<void> {
  for await (const event of handle.events()) if (event.type === 'chunk') return
}

/** Real I/O goes on until the code under test waits for the virtual clock, or is done. */
async function untilTimerOrSettled(clock: VirtualClock, promise: Promise<unknown>): Promise<void> {
  let isSettled = false
  const settle = () => {
    isSettled = true
  }
  promise.then(settle, settle)
  while (!isSettled && clock.timers().length === 0) await new Promise((resolve) => setImmediate(resolve))
}

/** A client without a server, whose streams are these; and what was asked of it. */
function scriptedClient(...streams: readonly ((signal: AbortSignal) => AsyncIterable<object>)[]) {
  const log: string[] = []
  let at = 0
  const open = async (name: string, signal: AbortSignal) => {
    log.push(name)
    return streams[at++]?.(signal) ?? stream()
  }
  return {
    log,
    responses: {
      create: (_body: object, { signal }: { signal: AbortSignal }) => open('create', signal),
      retrieve: (_id: string, query: { starting_after?: number }, { signal }: { signal: AbortSignal }) =>
        open(`retrieve after ${query.starting_after}`, signal),
      async cancel(id: string) {
        log.push(`cancel ${id}`)
      },
    },
  }
}

async function* stream(...events: readonly object[]): AsyncGenerator<object, void, void> {
  yield* events
}

/** A client whose one stream is in a test's hands. */
function heldClient() {
  const log: string[] = []
  let give: (event: object) => void = () => {}
  const event = new Promise<object>((resolve) => {
    give = resolve
  })
  return {
    log,
    give: (value: object) => give(value),
    responses: {
      async create(_body: object, { signal }: { signal: AbortSignal }) {
        log.push('create')
        signal.addEventListener('abort', () => log.push('aborted'))
        return (async function* () {
          yield await event
        })()
      },
      async retrieve() {
        throw new Error('unexpected')
      },
      async cancel(id: string) {
        log.push(`cancel ${id}`)
      },
    },
  }
}
