import { PassThrough, Readable } from 'node:stream'
import { GenerationOrchestrator, type GenerationSource } from 'generation-jobs'
import { fromNodeReadable, fromReadableStream } from 'generation-jobs/providers'
import { describe, expect, it } from 'vitest'
import { rejection } from '../support/caught.js'
import { chunksOf, eventLog } from '../support/event-log.js'
import { fixture } from '../support/fixture.js'
import { within } from '../support/within.js'
import { fakeProvider } from './support/fake-provider-fixture.js'
import { type OpenedSource, readSource } from './support/read-source.js'

const TEXTS = ['Bon', 'jour', ' 🌉']
const TEXT = TEXTS.join('')
/** Cut inside the four bytes of the bridge. */
const BYTES = [0, 9, 10, 11].map((start, at, all) => new TextEncoder().encode(TEXT).slice(start, all[at + 1]))
const DONE = { done: true, value: undefined }

function webStream<Item>(items: readonly Item[]): ReadableStream<Item> {
  return new ReadableStream({
    start(controller) {
      for (const item of items) controller.enqueue(item)
      controller.close()
    },
  })
}

async function* plain(): AsyncGenerator<string, void, void> {
  yield* TEXTS
}

const SOURCES: readonly [name: string, open: () => GenerationSource][] = [
  ['a web stream of text', () => fromReadableStream(webStream(TEXTS))],
  ['a web stream of bytes', () => fromReadableStream(webStream(BYTES))],
  ['a web stream of chunks', () => fromReadableStream(webStream(TEXTS.map((text) => ({ text }))))],
  ['a Node stream of text', () => fromNodeReadable(Readable.from(TEXTS))],
  ['a Node stream of bytes', () => fromNodeReadable(Readable.from(BYTES.map((bytes) => Buffer.from(bytes))))],
  [
    'a Node stream with an encoding',
    () => fromNodeReadable(Readable.from(TEXTS, { objectMode: false }).setEncoding('utf8')),
  ],
  ['a Node stream of chunks', () => fromNodeReadable(Readable.from(TEXTS.map((text) => ({ text }))))],
  ['a plain async generator', plain],
]

describe('a source', () => {
  it.each(SOURCES)('REG-10: %s gives the text, and the same end', async (_, open) => {
    const { manager } = fixture()
    const saved: string[] = []
    const orchestrator = new GenerationOrchestrator<string>({ generate: open, commit: (text) => void saved.push(text) })
    const handle = await manager.register(orchestrator.producer('a prompt'))
    const outcome = await handle.settled
    expect(outcome).toMatchObject({ status: 'completed', value: TEXT, commit: 'done', forced: false })
    expect(saved).toEqual([TEXT])
    expect(chunksOf(await eventLog(manager, handle.jobId)).join('')).toBe(TEXT)
  })

  it.each([
    ['a web stream', () => fromReadableStream(webStream([BYTES[1] ?? new Uint8Array()]))],
    ['a Node stream', () => fromNodeReadable(Readable.from([Buffer.from(BYTES[1] ?? [])]))],
  ])('%s that ends inside a character shows the replacement character instead of losing it', async (_, open) => {
    expect((await readSource(open())).text).toBe('\u{FFFD}')
  })

  it.each([
    ['a web stream', () => fromReadableStream(webStream([3 as never]))],
    ['a Node stream', () => fromNodeReadable(Readable.from([3]))],
  ])('%s of something else fails as provider.malformed', async (_, open) => {
    expect((await readSource(open())).error).toMatchObject({ code: 'provider.malformed' })
  })
})

/** A stream that never gives anything, and whether it was closed. */
const STALLED: readonly [name: string, open: () => { source: OpenedSource; isClosed: () => boolean }][] = [
  [
    'a web stream',
    () => {
      let isCancelled = false
      const cancel = () => {
        isCancelled = true
      }
      return { source: fromReadableStream(new ReadableStream({ cancel })) as OpenedSource, isClosed: () => isCancelled }
    },
  ],
  [
    'a Node stream',
    () => {
      const stream = new PassThrough()
      return { source: fromNodeReadable(stream) as OpenedSource, isClosed: () => stream.destroyed }
    },
  ],
]

describe.each(STALLED)('%s that stalls', (_, open) => {
  it('settles a pending next() at return(), and is closed', async () => {
    const { source, isClosed } = open()
    const next = source.next()
    expect(isClosed()).toBe(false)
    const returned = source.return()
    expect(await next).toEqual(DONE)
    expect(await returned).toEqual(DONE)
    expect(isClosed()).toBe(true)
  })

  it('is closed when it is dropped unread', async () => {
    const { source, isClosed } = open()
    await source.return()
    expect(isClosed()).toBe(true)
  })

  it('CAN-02 CAN-04: lets a job be cancelled at once, not forced', async () => {
    const { manager, clock } = fixture()
    const { source, isClosed } = open()
    const handle = await manager.register((run) => run.stream(source))
    await clock.settle()
    expect(handle.snapshot().status).toBe('running')
    const cancelled = handle.cancel()
    expect(await within(clock, 0, cancelled)).toMatchObject({ outcome: 'cancelled', forced: false, cleanup: 'clean' })
    expect(isClosed()).toBe(true)
  })
})

describe('a plain async generator that stalls', () => {
  it('CAN-03: is let go of by force when it reacts to nothing', async () => {
    const { manager, clock } = fixture()
    const stalled = (async function* () {
      yield 'a'
      await new Promise<never>(() => {})
    })()
    const handle = await manager.register((run) => run.stream(stalled))
    await clock.settle()
    expect(handle.snapshot().lastSeq).toBe(1)
    const cancelled = handle.cancel()
    expect(await within(clock, 7_000, cancelled)).toMatchObject({ outcome: 'cancelled', forced: true })
  })
})

describe('a stream that breaks', () => {
  it.each([
    [
      'with an error of the connection',
      Object.assign(new Error('read'), { code: 'ECONNRESET' }),
      'provider.unavailable',
    ],
    ['with an error of its own', new Error('boom'), 'provider.failed'],
  ])('%s fails the source', async (_, error, code) => {
    const web = new ReadableStream<string>({ start: (controller) => controller.error(error) })
    expect((await readSource(fromReadableStream(web))).error).toMatchObject({ code, cause: error })
    const node = new PassThrough()
    const source = fromNodeReadable(node) as OpenedSource
    const next = rejection(source.next())
    node.destroy(error)
    expect(await next).toMatchObject({ code, cause: error })
  })

  it('G14: does not end the process when it breaks before the first read, or after the last', async () => {
    const unread = new PassThrough()
    const source = fromNodeReadable(unread) as OpenedSource
    unread.destroy(new Error('early'))
    await new Promise((resolve) => setImmediate(resolve))
    expect(await rejection(source.next())).toMatchObject({ code: 'provider.failed' })
    const left = new PassThrough()
    await (fromNodeReadable(left) as OpenedSource).return()
    left.emit('error', new Error('late'))
  })

  it('a response of fetch that is cut mid-frame fails as provider.unavailable', async () => {
    const { url } = await fakeProvider({ fault: 'cut-mid-frame' })
    const { body } = await fetch(`${url}/v1/chat/completions`, { method: 'POST', body: '{}' })
    if (!body) throw new Error('no body')
    const { error, text } = await readSource(fromReadableStream(body))
    expect(error).toMatchObject({ code: 'provider.unavailable' })
    expect(text).toContain('data: {')
  })
})
