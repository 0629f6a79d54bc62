import { AsyncLocalStorage } from 'node:async_hooks'
import {
  type CancelToken,
  GenerationOrchestrator,
  type JobHandle,
  type ManagerEvents,
  type Producer,
} from 'generation-jobs'
import { controlledSource } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { type Fixture, fixture } from '../support/fixture.js'
import { tap } from '../support/tap.js'
import { within } from '../support/within.js'

/** Whose request it is, as a tracer or a server keeps it. */
const request = new AsyncLocalStorage<string>()
const whose = () => request.getStore()
const as = <T>(who: string, work: () => T): T => request.run(who, work)

/** What each callback saw, by its name. */
type Seen = Record<string, string | undefined>

const untilCancelled = (token: CancelToken) => new Promise<void>((resolve) => token.onCancel(() => resolve()))

async function started<T>(f: Fixture, producer: Producer<T>): Promise<JobHandle<T>> {
  const handle = await as('registrant', () => f.manager.register(producer))
  await as('nobody', () => f.clock.settle())
  return handle
}

const quick = (options = {}) => fixture({ retentionMs: 1_000, ...options })

describe('LEAK-07: callbacks see the context of the one who handed them in', () => {
  it('LEAK-07: producer, onCancel listener, abort listener and cleanup of a job that another request cancels', async () => {
    const f = quick()
    const seen: Seen = {}
    const handle = await started(f, async (run) => {
      seen.producer = whose()
      run.token.onCancel(() => {
        seen.onCancel = whose()
      })
      run.signal.addEventListener('abort', () => {
        seen.abort = whose()
      })
      run.defer(async () => {
        seen.cleanup = whose()
        await Promise.resolve()
        seen['cleanup after an await'] = whose()
      })
      await untilCancelled(run.token)
      seen['producer after the cancel'] = whose()
    })
    await as('canceller', () => within(f.clock, 0, handle.cancel()))
    expect(seen).toEqual({
      producer: 'registrant',
      onCancel: 'registrant',
      abort: 'registrant',
      cleanup: 'registrant',
      'cleanup after an await': 'registrant',
      'producer after the cancel': 'registrant',
    })
  })

  it.each([
    ['the deadline', { deadlineMs: 100 }],
    ['the idle limit', { idleTimeoutMs: 100 }],
  ])('LEAK-07: the same callbacks when %s cancels', async (_, options) => {
    const f = quick()
    const seen: Seen = {}
    await as('registrant', () =>
      f.manager.register((run) => {
        run.token.onCancel(() => {
          seen.onCancel = whose()
        })
        run.defer(() => {
          seen.cleanup = whose()
        })
        return untilCancelled(run.token)
      }, options),
    )
    await as('nobody', () => f.clock.advance(100))
    expect(seen).toEqual({ onCancel: 'registrant', cleanup: 'registrant' })
  })

  it('LEAK-07: the same callbacks when the caller aborts its signal', async () => {
    const f = quick()
    const seen: Seen = {}
    const controller = new AbortController()
    const handle = await as('registrant', () =>
      f.manager.register(
        (run) => {
          run.token.onCancel(() => {
            seen.onCancel = whose()
          })
          run.defer(() => {
            seen.cleanup = whose()
          })
          return untilCancelled(run.token)
        },
        { signal: controller.signal },
      ),
    )
    await f.clock.settle()
    as('aborter', () => controller.abort())
    await within(f.clock, 0, handle.settled)
    expect(seen).toEqual({ onCancel: 'registrant', cleanup: 'registrant' })
  })

  it('LEAK-07: an onCancel listener that was added by another request sees that one', async () => {
    const f = quick()
    const seen: Seen = {}
    let token: CancelToken | undefined
    const handle = await started(f, (run) => {
      token = run.token
      return untilCancelled(run.token)
    })
    as('tool', () =>
      token?.onCancel(() => {
        seen.tool = whose()
      }),
    )
    await as('canceller', () => within(f.clock, 0, handle.cancel()))
    expect(seen).toEqual({ tool: 'tool' })
  })

  it('LEAK-07: the producer of a pending job, whose slot the end of another request makes free', async () => {
    const f = quick({ maxConcurrentJobs: 1 })
    const seen: Seen = {}
    const free = tap<void>()
    await as('first', () => f.manager.register(() => free.next()))
    const second = await as('second', () =>
      f.manager.register(async (run) => {
        seen.producer = whose()
        run.defer(() => {
          seen.cleanup = whose()
        })
        await Promise.resolve()
        seen['producer after an await'] = whose()
      }),
    )
    await f.clock.settle()
    expect(second.snapshot().status).toBe('pending')
    as('whoever frees', () => free.give())
    await within(f.clock, 0, second.settled)
    expect(seen).toEqual({ producer: 'second', cleanup: 'second', 'producer after an await': 'second' })
  })

  it('LEAK-07: an async-generator producer sees its registrant at each chunk, also when the job was pending', async () => {
    for (const maxConcurrentJobs of [1, 2]) {
      const f = quick({ maxConcurrentJobs })
      const seen = new Set<string | undefined>()
      const free = tap<void>()
      const more = tap<void>()
      await as('first', () => f.manager.register(() => free.next()))
      const second = await as('second', () =>
        f.manager.register(async function* () {
          for (let count = 0; count < 3; count++) {
            seen.add(whose())
            yield 'x'
            seen.add(whose())
            await more.next()
            seen.add(whose())
          }
        }),
      )
      await f.clock.settle()
      as('whoever frees', () => free.give())
      for (let count = 0; count < 3; count++) {
        await f.clock.settle()
        as('the model', () => more.give())
      }
      await within(f.clock, 0, second.settled)
      expect(seen).toEqual(new Set(['second']))
    }
  })

  it('LEAK-07: the stages of an orchestrator, whoever pushes into its source', async () => {
    const f = quick()
    const seen: Seen = {}
    const source = controlledSource()
    const orchestrator = new GenerationOrchestrator({
      prompt(input: string) {
        seen.prompt = whose()
        return input
      },
      generate() {
        seen.generate = whose()
        return source
      },
      async validate(text: string) {
        seen.validate = whose()
        await Promise.resolve()
        return text
      },
      commit() {
        seen.commit = whose()
      },
    })
    const handle = await started(f, orchestrator.producer('a prompt'))
    as('the model', () => {
      source.push('x')
      source.end('stop')
    })
    await within(f.clock, 0, handle.settled)
    expect(seen).toEqual({
      prompt: 'registrant',
      generate: 'registrant',
      validate: 'registrant',
      commit: 'registrant',
    })
  })

  it('LEAK-07: next(), abort() and return() of a source, read with run.stream', async () => {
    const f = quick()
    const seen: Record<string, Set<string | undefined>> = { next: new Set(), abort: new Set(), return: new Set() }
    const more = tap<IteratorResult<string>>()
    const source = {
      [Symbol.asyncIterator]: () => ({
        next() {
          seen.next?.add(whose())
          return more.next()
        },
        async return(): Promise<IteratorResult<string>> {
          seen.return?.add(whose())
          return { done: true, value: undefined }
        },
      }),
      abort() {
        seen.abort?.add(whose())
      },
    }
    const handle = await started(f, (run) => run.stream(source))
    for (let count = 0; count < 3; count++) {
      as('the model', () => more.give({ done: false, value: 'x' }))
      await f.clock.settle()
    }
    await as('canceller', () => within(f.clock, 0, handle.cancel()))
    const registrant = new Set(['registrant'])
    expect(seen).toEqual({ next: registrant, abort: registrant, return: registrant })
  })

  it('LEAK-07: save and the fence of a commit', async () => {
    const f = quick()
    const seen: Seen = {}
    const answer = tap<void>()
    await started(f, (run) =>
      run.commit(async (fence) => {
        seen.save = whose()
        fence.signal.addEventListener('abort', () => {
          seen.fence = whose()
        })
        await answer.next()
        seen['save after an await'] = whose()
      }),
    )
    await as('nobody', () => f.clock.advance(30_000))
    as('the database', () => answer.give())
    await f.clock.settle()
    expect(seen).toEqual({ save: 'registrant', fence: 'registrant', 'save after an await': 'registrant' })
  })

  it('LEAK-07: manager listeners see the one who added them, not whose job it is', async () => {
    const f = quick()
    const seen: Seen = {}
    const events = [
      'registered',
      'started',
      'step',
      'cancelRequested',
      'committing',
      'settled',
      'cleanupFailed',
    ] satisfies Array<keyof ManagerEvents>
    as('plugin', () => {
      for (const event of events) {
        f.manager.on(event, () => {
          seen[event] = whose()
        })
      }
    })
    as('plugin once', () =>
      f.manager.once('settled', () => {
        seen.once = whose()
      }),
    )
    const completed = await started(f, async (run) => {
      run.step('Any')
      run.defer(() => Promise.reject(new Error('cleanup')))
      await run.commit(() => 'saved')
    })
    await within(f.clock, 0, completed.settled)
    const cancelled = await started(f, (run) => untilCancelled(run.token))
    await as('canceller', () => within(f.clock, 0, cancelled.cancel()))
    expect(seen).toEqual({ ...Object.fromEntries(events.map((event) => [event, 'plugin'])), once: 'plugin once' })
  })

  it('LEAK-07: awaiters keep their own context', async () => {
    const f = quick()
    const seen: Seen = {}
    const handle = await started(f, (run) => untilCancelled(run.token))
    const waits = [
      as('waiter', async () => {
        await f.manager.waitForCompletion(handle.jobId)
        seen.wait = whose()
      }),
      as('settled', async () => {
        await handle.settled
        seen.settled = whose()
      }),
      as('reader', async () => {
        for await (const _ of handle.events()) seen.events = whose()
      }),
    ]
    await f.clock.settle()
    await as('canceller', async () => {
      await within(f.clock, 0, handle.cancel())
      seen.cancel = whose()
    })
    await within(f.clock, 0, Promise.all(waits))
    expect(seen).toEqual({ wait: 'waiter', settled: 'settled', events: 'reader', cancel: 'canceller' })
  })

  it('LEAK-07: a cleanup that starts late, one that was deferred while others run, and one after the time is over', async () => {
    const f = quick()
    const seen: Seen = {}
    const handle = await started(f, (run) => {
      run.defer(() => {
        seen['after the limit'] = whose()
      })
      run.defer((end) => {
        as('inner', () =>
          run.defer(() => {
            seen['deferred meanwhile'] = whose()
          }),
        )
        end.signal.addEventListener('abort', () => {
          seen['end.signal'] = whose()
        })
        return new Promise(() => {})
      })
      return untilCancelled(run.token)
    })
    void as('canceller', () => handle.cancel())
    await as('nobody', () => f.clock.advance(7_000))
    expect(seen).toEqual({
      'deferred meanwhile': 'inner',
      'after the limit': 'registrant',
      'end.signal': 'registrant',
    })
  })

  it('LEAK-07: a describeError of the application sees who made the manager or no request at all, never the canceller', async () => {
    const f = fixture()
    const seen: Array<string | undefined> = []
    const manager = as('setup', () =>
      f.newManager({
        retentionMs: 1_000,
        describeError() {
          seen.push(whose())
          return undefined
        },
      }),
    )
    const handle = await as('registrant', () => manager.register(() => Promise.reject(new Error('broken'))))
    await within(f.clock, 0, handle.settled)
    expect(seen.length).toBeGreaterThan(0)
    for (const who of seen) expect([undefined, 'setup', 'registrant']).toContain(who)
  })
})
