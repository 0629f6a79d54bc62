import {
  type FinishReason,
  GenerationOrchestrator,
  IncompleteGenerationError,
  type JobEvent,
  type Producer,
} from 'generation-jobs'
import { type HostileEnding, type HostileSourceName, hostileSources, scriptedSource } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { failureOf } from '../support/failure-of.js'
import { type Fixture, fixture } from '../support/fixture.js'
import { chunksOf, readAll } from '../support/read-all.js'
import { within } from '../support/within.js'

function typesOf(events: readonly JobEvent[]): string[] {
  return events.map(({ type }) => type)
}

describe('run.stream', () => {
  it('REG-18: emits each chunk as one event and resolves with text, finish and usage', async () => {
    const { manager } = fixture()
    const usage = { inputTokens: 7, outputTokens: 3, quality: 'reported' } as const
    const source = scriptedSource([
      'Once ',
      { text: 'upon ' },
      { text: null },
      { text: 'a time' },
      { usage, finish: 'stop' },
    ])
    const job = await manager.register((run) => run.stream(source))
    expect(await job.settled).toMatchObject({
      status: 'completed',
      value: { text: 'Once upon a time', finish: 'stop', usage },
      usage,
    })
    const events = await readAll(job.events())
    expect(chunksOf(events)).toEqual(['Once ', 'upon ', 'a time'])
    expect(typesOf(events)).toEqual(['chunk', 'chunk', 'chunk', 'complete'])
  })

  it('G3: rejects, and does not throw, for a source that throws when it is looked at', async () => {
    const { manager } = fixture()
    const has = (): never => {
      throw new Error('do not look')
    }
    const job = await manager.register((run) => run.stream(new Proxy(scriptedSource([]), { has })).catch(String))
    expect(await job.settled).toMatchObject({ status: 'completed', value: 'Error: do not look' })
  })

  it('REG-18: emits the metadata of a chunk after its text, as an event of its own', async () => {
    const { manager } = fixture()
    const source = scriptedSource([{ text: 'a', metadata: { model: 'local' } }, 'b'])
    const job = await manager.register((run) => run.stream(source))
    await job.settled
    expect((await readAll(job.events())).map(({ at, ...event }) => event)).toMatchObject([
      { seq: 1, type: 'chunk', content: 'a' },
      { seq: 2, type: 'metadata', data: { model: 'local' } },
      { seq: 3, type: 'chunk', content: 'b' },
      { seq: 4, type: 'complete' },
    ])
  })

  it('REG-18: reads several sources of one job, one after the other and at the same time', async () => {
    const { manager } = fixture()
    const job = await manager.register(async (run) => {
      const first = await run.stream(scriptedSource(['a', 'b']))
      const both = await Promise.all([run.stream(scriptedSource(['c'])), run.stream(scriptedSource(['d']))])
      return [first, ...both].map(({ text }) => text)
    })
    expect(await job.settled).toMatchObject({ status: 'completed', value: ['ab', 'c', 'd'] })
  })

  /** How a job ends whose source is cancelled after a second, if it has not ended by itself. */
  async function endWith({ clock, manager }: Fixture, producer: Producer<unknown>) {
    const job = await manager.register(producer)
    await clock.advance(1_000)
    const cancelling = job.cancel()
    const outcome = await within(clock, 7_000, job.settled)
    await cancelling
    const { status, forced, commit, cleanup } = outcome
    const code = outcome.status === 'failed' ? outcome.error.code : undefined
    const types = typesOf(await readAll(job.events()))
    return { status, forced, commit, cleanup, code, ends: types.filter(isTerminal), last: types.at(-1) }
  }
  const isTerminal = (type: string): boolean => ['complete', 'cancelled', 'error'].includes(type)

  const expected: Record<HostileEnding, object> = {
    completes: { status: 'completed', forced: false, ends: ['complete'] },
    fails: { status: 'failed', forced: false, ends: ['error'] },
    'completes-or-fails': { forced: false },
    cancelled: { status: 'cancelled', forced: false, ends: ['cancelled'] },
    forced: { status: 'cancelled', forced: true, ends: ['cancelled'] },
    'cancelled-or-forced': { status: 'cancelled', ends: ['cancelled'] },
  }
  for (const name of Object.keys(hostileSources()) as HostileSourceName[]) {
    it(`REG-18 G1 G2 G3: ends the hostile source ${name} as an orchestrated job does`, async () => {
      const world = fixture()
      const make = hostileSources({ clock: world.clock })[name]
      const raw = await endWith(world, (run) => run.stream(make()))
      const orchestrator = new GenerationOrchestrator({ generate: () => make() })
      expect(raw).toEqual(await endWith(world, orchestrator.producer(undefined) as Producer<unknown>))
      expect(raw).toMatchObject(expected[make.ending])
      expect([raw.ends.length, raw.last]).toEqual([1, raw.ends[0]])
    })
  }

  const incomplete: FinishReason[] = ['length', 'content-filter', 'tool-calls', 'error']
  for (const finish of incomplete) {
    it(`REG-19 G6: rejects a source that ends with ${finish}, in a raw producer`, async () => {
      const { manager } = fixture()
      const source = scriptedSource(['half a', { finish }])
      let saved = false
      const job = await manager.register(async (run) => {
        await run.stream(source)
        await run.commit(() => {
          saved = true
        })
      })
      const outcome = await job.settled
      const error = failureOf(outcome)
      expect(error.code).toBe('generation.incomplete')
      expect(error.cause).toBeInstanceOf(IncompleteGenerationError)
      expect(error.cause).toMatchObject({ finish })
      expect([outcome.commit, saved, source.closed]).toEqual(['none', false, true])
    })

    it(`REG-19 G6: rejects a source that ends with ${finish}, in an orchestrated job`, async () => {
      const { manager } = fixture()
      const source = scriptedSource(['half a', { finish }])
      const stages: string[] = []
      const orchestrator = new GenerationOrchestrator({
        generate: () => source,
        validate: () => stages.push('validate'),
        commit: () => void stages.push('commit'),
      })
      const job = await manager.register(orchestrator.producer(undefined))
      const outcome = await job.settled
      expect(failureOf(outcome).code).toBe('generation.incomplete')
      expect([outcome.commit, stages, source.closed]).toEqual(['none', [], true])
    })
  }

  it('REG-19: counts an end without finish reason, or with unknown, as complete', async () => {
    const { manager } = fixture()
    for (const script of [['a'], ['a', { finish: 'unknown' as const }], ['a', { finish: null }]]) {
      const job = await manager.register((run) => run.stream(scriptedSource(script)))
      expect(await job.settled).toMatchObject({ status: 'completed', value: { text: 'a', finish: 'unknown' } })
    }
  })
})
