import { GenerationOrchestrator, InvalidOptionsError, type LanguageModel, type ModelChunk } from 'generation-jobs'
import { fromReadableStream, ProviderError, withFallback } from 'generation-jobs/providers'
import { countingSignal, createVirtualClock } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { rejection, thrownBy } from '../support/caught.js'
import { eventLog, shapeOf } from '../support/event-log.js'
import { fixture } from '../support/fixture.js'
import { TEXTS } from './support/fake-provider.js'
import { fakeProvider } from './support/fake-provider-fixture.js'
import { openSource, readModel, readSource } from './support/read-source.js'
import { SDK_MODELS } from './support/sdk-models.js'

const TEXT = TEXTS.join('')
const DONE = { done: true, value: undefined }
const used = (fallback_from: string, fallback_to: string) => ({ used_fallback: true, fallback_from, fallback_to })

/** A model whose source gives these; an error is thrown. */
function scripted(...items: readonly (string | ModelChunk | Error)[]): LanguageModel {
  return async function* () {
    for (const item of items) {
      if (item instanceof Error) throw item
      yield item
    }
  }
}

const down = new ProviderError('provider.unavailable', 'down')

describe('a chain of models', () => {
  it("gives the first model's output, and asks nobody else", async () => {
    let asked = 0
    const other: LanguageModel = () => {
      asked++
      return scripted('b')({ prompt: '' }, { signal: new AbortController().signal, jobId: '' })
    }
    const reading = await readModel(
      withFallback([
        { name: 'a', model: scripted('a', { finish: 'stop' }) },
        { name: 'b', model: other },
      ]),
    )
    expect(reading).toMatchObject({ text: 'a', finish: 'stop', metadata: [], error: undefined })
    expect(asked).toBe(0)
  })

  it.each<[string, LanguageModel]>([
    ['fails at its first read', scripted(down)],
    ['fails after metadata and empty text', scripted({ metadata: { a: 1 } }, '', { text: '' }, down)],
    [
      'throws',
      () => {
        throw down
      },
    ],
    ['rejects', () => Promise.reject(down)],
    ['gives no source', () => undefined as never],
  ])('asks the next when one %s, and says so', async (_, model) => {
    const { text, metadata, error } = await readModel(
      withFallback([
        { name: 'first', model },
        { name: 'second', model: scripted('b') },
      ]),
    )
    expect({ text, error }).toEqual({ text: 'b', error: undefined })
    expect(metadata.at(-1)).toEqual(used('first', 'second'))
  })

  it('never asks another once there is text', async () => {
    const { text, metadata, error } = await readModel(
      withFallback([
        { name: 'first', model: scripted('a', down) },
        { name: 'second', model: scripted('b') },
      ]),
    )
    expect({ text, metadata, error }).toEqual({ text: 'a', metadata: [], error: down })
  })

  it("goes through them all, and fails with the last one's error, as it is", async () => {
    const last = new Error('the last')
    const { metadata, error } = await readModel(
      withFallback([
        { name: 'a', model: scripted(down) },
        { name: 'b', model: scripted(down) },
        { name: 'c', model: scripted(last) },
      ]),
    )
    expect(metadata).toEqual([used('a', 'b'), used('b', 'c')])
    expect(error).toBe(last)
  })

  it('writes the metadata event before the text of the model that served', async () => {
    const { manager } = fixture()
    const model = withFallback([
      { name: 'a', model: scripted(down) },
      { name: 'b', model: scripted('b', { finish: 'stop' }) },
    ])
    const orchestrator = new GenerationOrchestrator<string>({ generate: (prompt, run) => model({ prompt }, run) })
    const handle = await manager.register(orchestrator.producer('a prompt'))
    expect(await handle.settled).toMatchObject({ status: 'completed', value: 'b' })
    const events = await eventLog(manager, handle.jobId)
    expect(shapeOf(events)).toEqual(['step:Generating', 'metadata', 'chunk', 'complete'])
    expect(events[1]).toMatchObject({ data: used('a', 'b') })
  })

  it('closes a model that failed, without waiting for it', async () => {
    const closed: string[] = []
    const stubborn: LanguageModel = () => ({
      abort: () => void closed.push('abort'),
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.reject(down),
        return: () => {
          closed.push('return')
          return new Promise<never>(() => {})
        },
      }),
    })
    const model = withFallback([
      { name: 'a', model: stubborn },
      { name: 'b', model: scripted('b') },
    ])
    expect(await readModel(model)).toMatchObject({ text: 'b', error: undefined })
    expect(closed).toEqual(['abort', 'return'])
  })

  it('is a list of named models, or refused at the call', () => {
    for (const wrong of [[], undefined, [{ name: 'a' }], [{ model: scripted() }], [null]]) {
      expect(thrownBy(() => withFallback(wrong as never))).toBeInstanceOf(InvalidOptionsError)
    }
  })
})

describe('a cancel', () => {
  it('ends the chain: nobody else is asked', async () => {
    const { signal, abort, listeners } = countingSignal()
    let asked = 0
    const stalled = () => fromReadableStream(new ReadableStream<string>())
    const source = await openSource(
      withFallback([
        { name: 'a', model: stalled },
        {
          name: 'b',
          model: () => {
            asked++
            return stalled()
          },
        },
      ]),
      signal,
    )
    const next = source.next()
    await new Promise((resolve) => setImmediate(resolve))
    const reason = new Error('stop')
    abort(reason)
    expect(await rejection(next)).toBe(reason)
    await source.return()
    expect({ asked, listeners: listeners() }).toEqual({ asked: 0, listeners: 0 })
  })

  it('REG-08: closes a source that comes only afterwards', async () => {
    let give: (stream: ReturnType<typeof fromReadableStream>) => void = () => {}
    const cancelled: unknown[] = []
    const late = new Promise<ReturnType<typeof fromReadableStream>>((resolve) => {
      give = resolve
    })
    const source = await openSource(withFallback([{ name: 'a', model: () => late }]))
    const next = source.next()
    const returned = source.return()
    expect(await next).toEqual(DONE)
    give(new ReadableStream<string>({ cancel: (reason) => void cancelled.push(reason) }))
    await returned
    expect(cancelled).toHaveLength(1)
  })
})

describe.each(SDK_MODELS)('a chain headed by $name', ({ model, name }) => {
  it.each([
    ['answers HTTP 500', { status: 500 }],
    ['sends an error at once', 'error-frame'],
    ['ends at once', 'silent-end'],
    ['is cut at once', 'cut-mid-frame'],
  ] as const)('goes on when it %s', async (_, fault) => {
    const bad = await fakeProvider({ fault, texts: [] })
    const good = await fakeProvider()
    const chain = withFallback([
      { name, model: model(bad.url) },
      { name: 'good', model: model(good.url) },
    ])
    const reading = await readModel(chain)
    expect(reading).toMatchObject({ text: TEXT, finish: 'stop', usage: { quality: 'reported' }, error: undefined })
    expect(reading.metadata).toContainEqual(used(name, 'good'))
    expect([bad.calls.length, good.calls.length]).toEqual([1, 1])
  })

  it('goes on when it keeps silent for too long, and closes the connection', async () => {
    const clock = createVirtualClock()
    const bad = await fakeProvider({ fault: 'stall-before-headers' })
    const good = await fakeProvider()
    const chain = withFallback([
      { name, model: model(bad.url, { limits: { firstChunkMs: 1_000, clock } }) },
      { name: 'good', model: model(good.url) },
    ])
    const reading = readSource(await openSource(chain))
    const call = await bad.call(0)
    await clock.advance(1_000)
    expect(await reading).toMatchObject({ text: TEXT, error: undefined })
    await call.closed
  })
})
