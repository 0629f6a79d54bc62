import type { JobEvent, RunContext } from 'generation-jobs'
import { describe, expect, it } from 'vitest'
import { cluster } from '../support/cluster.js'
import { eventLog } from '../support/event-log.js'
import { fixture } from '../support/fixture.js'

// Many events in one turn of the event loop: the first eight are in the log at once, the others when the turn is over.

/** Emits `from`..`to` in one turn. */
function emitAll(run: RunContext, from: number, to: number): void {
  for (let number = from; number <= to; number++) run.emit(`${number} `)
}

function untilCancelled({ signal }: RunContext): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

function numbersOf(events: readonly JobEvent[]): number[] {
  return events.flatMap((event) => (event.type === 'chunk' ? [Number(event.content)] : []))
}

function range(to: number): number[] {
  return Array.from({ length: to }, (_, index) => index + 1)
}

/** How many events each append brought. */
function appended(store: ReturnType<ReturnType<typeof cluster>['join']>['store']): number[] {
  return store.calls('append').map(({ args }) => (args[2] as readonly unknown[]).length)
}

describe('a burst', () => {
  it('EVT-10: the first eight events of a turn are written at once, the others in batches of 64 and at the end of the turn', async () => {
    const { clock, join } = cluster()
    const { manager, store } = join()
    const handle = await manager.register((run) => {
      emitAll(run, 1, 100)
      return untilCancelled(run)
    })
    await clock.runMicrotasks()
    expect(appended(store)).toEqual([...Array(8).fill(1), 64])
    await clock.settle()
    expect(appended(store)).toEqual([...Array(8).fill(1), 64, 28])
    await handle.cancel()
    expect(numbersOf(await eventLog(manager, handle.jobId))).toEqual(range(100))
  })

  it('EVT-10: a source with a turn between its chunks never waits', async () => {
    const { clock, join } = cluster()
    const { manager, store } = join()
    const handle = await manager.register(async (run) => {
      for (const number of range(30)) {
        run.emit(`${number} `)
        await clock.yieldMacrotask()
      }
    })
    await clock.settle()
    await handle.settled
    expect(appended(store)).toEqual(Array(30).fill(1))
  })

  it('EVT-10: large texts do not wait beyond 64 KiB', async () => {
    const { clock, join } = cluster()
    const { manager, store } = join()
    const handle = await manager.register((run) => {
      emitAll(run, 1, 8)
      for (let count = 0; count < 4; count++) run.emit('x'.repeat(40_000))
      return untilCancelled(run)
    })
    await clock.runMicrotasks()
    expect(appended(store).slice(8)).toEqual([2, 2])
    await handle.cancel()
  })

  it.each([8, 9, 40, 72, 73])(
    'G8: of %i chunks and a cancel in the same turn, all stand before the cancel',
    async (chunks) => {
      const { manager } = fixture()
      const handle = await manager.register((run) => {
        emitAll(run, 1, chunks)
        void manager.cancel(run.jobId)
        expect(run.tryEmit('late')).toBe(false)
        return untilCancelled(run)
      })
      const outcome = await handle.settled
      const log = await eventLog(manager, handle.jobId)
      expect(numbersOf(log)).toEqual(range(chunks))
      expect(log.slice(chunks).map(({ type }) => type)).toEqual(['cancelling', 'cancelled'])
      expect(outcome).toMatchObject({
        status: 'cancelled',
        partial: {
          text: range(chunks)
            .map((n) => `${n} `)
            .join(''),
        },
      })
    },
  )

  it.each(['returns', 'throws', 'commits'])(
    'G10: everything is in the log when a producer %s in the turn of its burst',
    async (way) => {
      const { manager } = fixture()
      let loggedAtCommit: number | undefined
      const handle = await manager.register(async (run) => {
        emitAll(run, 1, 50)
        if (way === 'throws') throw new Error('the model broke off')
        if (way === 'commits') {
          await run.commit(async () => {
            loggedAtCommit = (await manager.get(run.jobId))?.lastSeq
          })
        }
      })
      await handle.settled
      expect(loggedAtCommit).toBe(way === 'commits' ? 50 : undefined)
      const log = await eventLog(manager, handle.jobId)
      expect(numbersOf(log)).toEqual(range(50))
      expect(log.map(({ seq }) => seq)).toEqual(range(51))
    },
  )

  it('EVT-10: a step keeps its place in a burst', async () => {
    const { manager } = fixture()
    const handle = await manager.register(async (run) => {
      emitAll(run, 1, 20)
      run.step('after twenty')
      emitAll(run, 21, 40)
    })
    await handle.settled
    const log = await eventLog(manager, handle.jobId)
    expect(log[20]).toMatchObject({ type: 'step', step: 'after twenty', seq: 21 })
    expect(numbersOf(log)).toEqual(range(40))
  })

  it('EVT-10: what waits when another node cancels is dropped and counted, and is no part of the partial text', async () => {
    const { clock, join } = cluster()
    const [owner, other] = [join(), join()]
    const settled: unknown[] = []
    owner.manager.on('settled', ({ chunks, droppedChunks }) => settled.push({ chunks, droppedChunks }))
    const handle = await owner.manager.register((run) => {
      emitAll(run, 1, 20)
      void other.manager.cancel(run.jobId) // recorded in this tick; the owner hears of it later
      return untilCancelled(run)
    })
    await clock.settle()
    const outcome = await handle.settled
    expect(outcome).toMatchObject({
      status: 'cancelled',
      partial: {
        text: range(8)
          .map((n) => `${n} `)
          .join(''),
      },
    })
    expect(settled).toEqual([{ chunks: 8, droppedChunks: 12 }])
    expect(numbersOf(await eventLog(owner.manager, handle.jobId))).toEqual(range(8))
  })

  it('a log that is full fails the job at the chunk that has no room', async () => {
    const { manager } = fixture({ maxLogEvents: 30 })
    let refused = 0
    const handle = await manager.register(async (run) => {
      try {
        emitAll(run, 1, 100)
      } catch (error) {
        refused++
        throw error
      }
    })
    expect(await handle.settled).toMatchObject({ status: 'failed', error: { code: 'job.log-limit' } })
    expect(refused).toBe(1)
    expect(numbersOf(await eventLog(manager, handle.jobId))).toEqual(range(30))
  })
})

describe('the text of a stream', () => {
  it('is its own, though two streams and emit write into one log in turns', async () => {
    const { clock, manager } = fixture()
    const source = (letter: string, chunks: number) => ({
      async *[Symbol.asyncIterator]() {
        for (let count = 0; count < chunks; count++) {
          await clock.yieldMacrotask()
          yield `${letter}${count} `
        }
      },
    })
    const textOf = (letter: string, chunks: number) =>
      Array.from({ length: chunks }, (_, count) => `${letter}${count} `).join('')
    const handle = await manager.register(async (run) => {
      const alone = await run.stream(source('alone', 600))
      run.emit('between ')
      const both = await Promise.all([run.stream(source('a', 20)), run.stream(source('b', 30))])
      return [alone, ...both].map(({ text }) => text)
    })
    for (let round = 0; round < 10; round++) await clock.settle()
    expect(await handle.settled).toMatchObject({ value: [textOf('alone', 600), textOf('a', 20), textOf('b', 30)] })
  })
})
