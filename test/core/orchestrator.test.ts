import type { StandardSchemaV1 } from '@standard-schema/spec'
import {
  GenerationOrchestrator,
  type GenerationSource,
  InvalidResultError,
  type JobEvent,
  type JobOutcome,
  type Producer,
  type StageContext,
} from 'generation-jobs'
import { controlledSource, recordingStore, type ScriptStep, scriptedSource } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { failureOf } from '../support/failure-of.js'
import { fixture } from '../support/fixture.js'
import { chunksOf, readAll } from '../support/read-all.js'
import { within } from '../support/within.js'

const boom = new Error('boom')
const SECRET = 'sk-secret-9f8e7d'
const story = z.object({ title: z.string(), lines: z.array(z.string()) })
const storyText = '{"title": "The dragon", "lines": ["Roar"]}'

function stepsOf(events: readonly JobEvent[]): string[] {
  return events.flatMap((event) => (event.type === 'step' ? [event.step] : []))
}

function issuesOf(outcome: JobOutcome<unknown>) {
  const { cause } = failureOf(outcome)
  if (!(cause instanceof InvalidResultError)) throw new Error('expected an InvalidResultError')
  return cause.issues
}

/** Runs a producer to its end on a manager of its own. */
async function run<T>(producer: Producer<T>) {
  const { manager } = fixture()
  const job = await manager.register(producer)
  const outcome = await job.settled
  return { outcome, events: await readAll(job.events()) }
}

describe('the forms of an orchestrator', () => {
  it('generates alone: the request is the prompt and the text is the result', async () => {
    const seen: unknown[] = []
    const orchestrator = new GenerationOrchestrator({
      generate: (request: { topic: string }) => {
        seen.push(request)
        return scriptedSource(['Once ', 'upon'])
      },
    })
    const { outcome, events } = await run(orchestrator.producer({ topic: 'dragons' }))
    expect(outcome).toMatchObject({ status: 'completed', value: 'Once upon', commit: 'none' })
    expect(seen).toEqual([{ topic: 'dragons' }])
    expect(stepsOf(events)).toEqual(['Generating'])
  })

  it('generates and validates with a function, which gets the whole text and makes the result', async () => {
    const orchestrator = new GenerationOrchestrator({
      generate: (_request: string) => scriptedSource(['Once ', 'upon']),
      validate: (text) => text.split(' '),
    })
    const { outcome, events } = await run(orchestrator.producer('request'))
    expect(outcome).toMatchObject({ status: 'completed', value: ['Once', 'upon'] })
    expect(stepsOf(events)).toEqual(['Generating', 'Validating'])
  })

  it('validates with a function that answers a promise', async () => {
    const orchestrator = new GenerationOrchestrator({
      generate: (_request: string) => scriptedSource(['42']),
      validate: async (text) => Number(text),
    })
    const { outcome } = await run(orchestrator.producer('request'))
    expect(outcome).toMatchObject({ status: 'completed', value: 42 })
  })

  it('prompts and generates: the prompt goes to generate', async () => {
    const seen: string[] = []
    const orchestrator = new GenerationOrchestrator({
      prompt: (topic: string) => ({ system: 'Be brief.', prompt: `Write about ${topic}.` }),
      generate: ({ system, prompt }) => {
        seen.push(system, prompt)
        return scriptedSource(['Once'])
      },
    })
    const { outcome, events } = await run(orchestrator.producer('dragons'))
    expect(outcome).toMatchObject({ status: 'completed', value: 'Once' })
    expect(seen).toEqual(['Be brief.', 'Write about dragons.'])
    expect(stepsOf(events)).toEqual(['Prompting', 'Generating'])
  })

  it('takes stages that answer promises', async () => {
    const orchestrator = new GenerationOrchestrator({
      prompt: async (topic: string) => `Write about ${topic}.`,
      generate: async (prompt) => scriptedSource([prompt]),
      validate: async (text) => text.length,
      commit: async () => {},
    })
    const { outcome } = await run(orchestrator.producer('dragons'))
    expect(outcome).toMatchObject({ status: 'completed', value: 20, commit: 'done' })
  })

  it('commits without validation: the text is what is saved', async () => {
    const store = recordingStore<string>()
    const orchestrator = new GenerationOrchestrator({
      generate: (_request: string) => scriptedSource(['Once ', 'upon']),
      commit: (text, fence) => store.save(text, fence),
    })
    const { outcome, events } = await run(orchestrator.producer('request'))
    expect(outcome).toMatchObject({ status: 'completed', value: 'Once upon', commit: 'done' })
    expect(store.committed()).toEqual(['Once upon'])
    expect(stepsOf(events)).toEqual(['Generating', 'Committing'])
  })

  it('REG-09 G6: runs all four stages in order, and saves the validated result once, under the fence of the run', async () => {
    const order: string[] = []
    const store = recordingStore<z.infer<typeof story>>({ before: () => order.push('commit') })
    const orchestrator = new GenerationOrchestrator({
      prompt: (topic: string) => {
        order.push('prompt')
        return topic
      },
      generate: () => {
        order.push('generate')
        return scriptedSource([storyText.slice(0, 10), storyText.slice(10)])
      },
      validate: (text): z.infer<typeof story> => {
        order.push('validate')
        return story.parse(JSON.parse(text))
      },
      commit: (result, fence) => store.save(result, fence),
    })
    const { outcome, events } = await run(orchestrator.producer('dragons'))
    const result = { title: 'The dragon', lines: ['Roar'] }
    expect(outcome).toMatchObject({ status: 'completed', value: result, commit: 'done' })
    expect(order).toEqual(['prompt', 'generate', 'validate', 'commit'])
    expect(store.calls()).toMatchObject([{ jobId: outcome.jobId, result, state: 'committed' }])
    expect(events.map((event) => (event.type === 'step' ? event.step : event.type))).toEqual([
      'Prompting',
      'Generating',
      'chunk',
      'chunk',
      'Validating',
      'Committing',
      'complete',
    ])
  })

  it('keeps the result as the value of the job, whatever commit answers', async () => {
    const orchestrator = new GenerationOrchestrator({
      generate: (_request: string) => scriptedSource(['Once']),
      commit: (async () => 'the id of a row') as unknown as () => Promise<void>,
    })
    const { outcome } = await run(orchestrator.producer('request'))
    expect(outcome).toMatchObject({ status: 'completed', value: 'Once' })
  })

  it('serves many jobs at once, each with its own request', async () => {
    const { manager } = fixture()
    const orchestrator = new GenerationOrchestrator({
      prompt: (topic: string) => `About ${topic}`,
      generate: (prompt) => scriptedSource([prompt, { do: 'yield' }, '.']),
    })
    const topics = ['dragons', 'knights', 'towers']
    const jobs = await Promise.all(topics.map((topic) => manager.register(orchestrator.producer(topic))))
    const outcomes = await Promise.all(jobs.map(({ settled }) => settled))
    expect(outcomes.map((outcome) => outcome.status === 'completed' && outcome.value)).toEqual(
      topics.map((topic) => `About ${topic}.`),
    )
  })

  it('gives each stage the context of the run, whose emit and tryEmit can be handed on', async () => {
    const contexts: StageContext[] = []
    const orchestrator = new GenerationOrchestrator({
      prompt: (request: string, context) => {
        const { emit } = context
        emit({ type: 'metadata', data: { stage: 'prompt' } })
        contexts.push(context)
        return request
      },
      generate: (_prompt, context) => {
        const { tryEmit } = context
        tryEmit({ type: 'data', name: 'model', data: 'local' })
        contexts.push(context)
        return scriptedSource(['Once'])
      },
      validate: (text, context) => {
        context.defer(() => context.logger.info({}, 'released'))
        contexts.push(context)
        return text
      },
    })
    const { outcome, events } = await run(orchestrator.producer('request'))
    expect(contexts).toHaveLength(3)
    for (const { jobId, token, signal } of contexts) {
      expect(jobId).toBe(outcome.jobId)
      expect(token.isCancelled).toBe(false)
      expect(signal.aborted).toBe(false)
    }
    expect(events.map(({ type }) => type)).toEqual(['step', 'metadata', 'step', 'data', 'chunk', 'step', 'complete'])
  })
})

describe('a stage that fails', () => {
  const fail = (): never => {
    throw boom
  }
  const reject = (): Promise<never> => Promise.reject(boom)
  const failing = (script: ScriptStep[]) => () => scriptedSource(script)

  interface Failure {
    prompt?: () => string | Promise<string>
    generate?: () => GenerationSource | Promise<GenerationSource>
    validate?: (text: string) => string | Promise<string>
    commit?: () => void | Promise<void>
    code: string
    steps: string[]
    commitStatus?: 'none' | 'unknown'
    cause?: unknown
  }
  const generating = ['Prompting', 'Generating']
  const validating = [...generating, 'Validating']
  const committing = [...validating, 'Committing']
  const failures: Record<string, Failure> = {
    'prompt throws': { prompt: fail, code: 'producer.failed', steps: ['Prompting'], cause: boom },
    'prompt rejects': { prompt: reject, code: 'producer.failed', steps: ['Prompting'], cause: boom },
    'generate throws': { generate: fail, code: 'producer.failed', steps: generating, cause: boom },
    'generate rejects': { generate: reject, code: 'producer.failed', steps: generating, cause: boom },
    'generate gives no source': {
      generate: () => 'the whole text' as never,
      code: 'options.invalid',
      steps: generating,
    },
    'the source throws at its first chunk': {
      generate: failing([{ do: 'throw', error: boom }]),
      code: 'producer.failed',
      steps: generating,
      cause: boom,
    },
    'the source throws after some chunks': {
      generate: failing(['half ', { do: 'throw', error: boom }]),
      code: 'producer.failed',
      steps: generating,
      cause: boom,
    },
    'the source is cut off by its length': {
      generate: failing(['half a', { finish: 'length' }]),
      code: 'generation.incomplete',
      steps: generating,
    },
    'validate throws': { validate: fail, code: 'result.invalid', steps: validating },
    'validate rejects': { validate: reject, code: 'result.invalid', steps: validating },
    'commit throws': { commit: fail, code: 'commit.failed', steps: committing, commitStatus: 'unknown' },
    'commit rejects': { commit: reject, code: 'commit.failed', steps: committing, commitStatus: 'unknown' },
  }

  for (const [name, { code, steps, commitStatus = 'none', cause, ...stages }] of Object.entries(failures)) {
    it(`REG-07 G1 G6: ends the job as ${code} when ${name}, and goes no further`, async () => {
      let saves = 0
      let validations = 0
      let cleanups = 0
      const orchestrator = new GenerationOrchestrator({
        prompt: (request: string, context) => {
          context.defer(() => void cleanups++)
          return stages.prompt?.() ?? request
        },
        generate: () => stages.generate?.() ?? scriptedSource(['whole']),
        validate: (text) => {
          validations++
          return stages.validate?.(text) ?? text
        },
        commit: () => {
          saves++
          return stages.commit?.()
        },
      })
      const { outcome, events } = await run(orchestrator.producer('request'))
      const error = failureOf(outcome)
      expect(error.code).toBe(code)
      if (cause) expect(error.cause).toBe(cause)
      expect(outcome).toMatchObject({ commit: commitStatus, cleanup: 'clean', forced: false })
      expect(stepsOf(events)).toEqual(steps)
      expect(validations).toBe(steps.includes('Validating') ? 1 : 0)
      expect(saves).toBe(steps.includes('Committing') ? 1 : 0)
      expect(cleanups).toBe(1)
      expect(events.filter(({ type }) => type === 'error')).toHaveLength(1)
      expect(events.at(-1)).toMatchObject({ type: 'error', code })
    })
  }

  it('G6: keeps what was delivered readable as partial, and passes none of it to commit', async () => {
    const store = recordingStore<string>()
    const orchestrator = new GenerationOrchestrator({
      generate: (_request: string) => scriptedSource(['half a', ' story', { finish: 'length' }]),
      commit: (text, fence) => store.save(text, fence),
    })
    const { outcome, events } = await run(orchestrator.producer('request'))
    expect(outcome.status === 'failed' && outcome.partial?.text).toBe('half a story')
    expect(chunksOf(events)).toEqual(['half a', ' story'])
    expect(store.calls()).toEqual([])
  })
})

describe('validation', () => {
  const generated = (text: string) => (_request: string) => scriptedSource([text])

  it('by a zod schema parses the text as JSON, and its output is the result and what is saved', async () => {
    const store = recordingStore<{ title: string }>()
    const orchestrator = new GenerationOrchestrator({
      generate: generated('{"title": "the dragon", "extra": 1}'),
      validate: z.object({ title: z.string().transform((title) => title.toUpperCase()) }),
      commit: (result, fence) => store.save(result, fence),
    })
    const { outcome } = await run(orchestrator.producer('request'))
    expect(outcome).toMatchObject({ status: 'completed', value: { title: 'THE DRAGON' }, commit: 'done' })
    expect(store.committed()).toEqual([{ title: 'THE DRAGON' }])
  })

  it('by a zod schema with an asynchronous check waits for it', async () => {
    const orchestrator = new GenerationOrchestrator({
      generate: generated('{"title": "The dragon"}'),
      validate: z.object({ title: z.string().refine(async (title) => title !== 'The dragon') }),
    })
    const { outcome } = await run(orchestrator.producer('request'))
    expect(issuesOf(outcome)).toMatchObject([{ path: ['title'] }])
  })

  it('by a zod schema tells every issue with its path, and quotes nothing that was generated', async () => {
    const orchestrator = new GenerationOrchestrator({
      generate: generated(JSON.stringify({ title: 7, lines: ['Roar', SECRET, 8] })),
      validate: story,
    })
    const { outcome } = await run(orchestrator.producer('request'))
    expect(failureOf(outcome).code).toBe('result.invalid')
    expect(failureOf(outcome).message).not.toContain(SECRET)
    expect(issuesOf(outcome).map(({ path }) => path)).toEqual([['title'], ['lines', 2]])
    expect(outcome.commit).toBe('none')
  })

  for (const [what, text] of [
    ['is not JSON', `Here is your story: ${SECRET}`],
    ['is empty', ''],
    ['is half of a JSON', '{"title": "The dr'],
    ['is a JSON between other words', `Sure!\n\`\`\`json\n${storyText}\n\`\`\``],
  ] as const) {
    it(`by a schema fails with result.invalid when the text ${what}, and does not quote it`, async () => {
      let saved = false
      const orchestrator = new GenerationOrchestrator({
        generate: generated(text),
        validate: story,
        commit: () => {
          saved = true
        },
      })
      const { outcome } = await run(orchestrator.producer('request'))
      const { code, message } = failureOf(outcome)
      expect(code).toBe('result.invalid')
      expect(message).toMatch(/JSON/)
      expect(message).not.toContain(SECRET)
      expect([outcome.commit, saved]).toEqual(['none', false])
    })
  }

  /** A Standard Schema as a library other than zod would make it. */
  function handMade(
    validate: StandardSchemaV1.Props<unknown, { title: string }>['validate'],
  ): StandardSchemaV1<unknown, { title: string }> {
    return { '~standard': { version: 1, vendor: 'hand-made', validate } }
  }

  it('by any Standard Schema takes its value', async () => {
    const orchestrator = new GenerationOrchestrator({
      generate: generated('{"title": "The dragon"}'),
      validate: handMade(async () => ({ value: { title: 'of the schema' } })),
    })
    const { outcome } = await run(orchestrator.producer('request'))
    expect(outcome).toMatchObject({ status: 'completed', value: { title: 'of the schema' } })
  })

  it('by any Standard Schema takes its issues, with paths of keys and of path segments', async () => {
    const orchestrator = new GenerationOrchestrator({
      generate: generated('{"title": "The dragon"}'),
      validate: handMade(() => ({
        issues: [{ message: 'too short', path: [{ key: 'lines' }, 0] }, { message: 'odd' }],
      })),
    })
    const { outcome } = await run(orchestrator.producer('request'))
    expect(issuesOf(outcome)).toEqual([{ message: 'too short', path: ['lines', 0] }, { message: 'odd' }])
  })

  it('by a Standard Schema that is a function gives it the parsed JSON, as one of a type library', async () => {
    const schema = Object.assign(
      () => {
        throw new Error('a schema is not called')
      },
      handMade((value) => ({ value: value as { title: string } })),
    )
    const orchestrator = new GenerationOrchestrator({
      generate: generated('{"title": "The dragon"}'),
      validate: schema as StandardSchemaV1<unknown, { title: string }>,
    })
    const { outcome } = await run(orchestrator.producer('request'))
    expect(outcome).toMatchObject({ status: 'completed', value: { title: 'The dragon' } })
  })

  it('by a schema that throws fails with result.invalid, as by a function that throws', async () => {
    const validations: (StandardSchemaV1<unknown, { title: string }> | ((text: string) => { title: string }))[] = [
      handMade(() => {
        throw boom
      }),
      handMade(() => Promise.reject(boom)),
      () => {
        throw boom
      },
    ]
    for (const validate of validations) {
      const orchestrator = new GenerationOrchestrator({ generate: generated('{}'), validate })
      const { outcome } = await run(orchestrator.producer('request'))
      const { code, message, cause } = failureOf(outcome)
      expect(code).toBe('result.invalid')
      expect(message).not.toContain('boom')
      expect(cause).toMatchObject({ cause: boom })
    }
  })

  it('by a function may throw an InvalidResultError with its own issues', async () => {
    const error = new InvalidResultError('The story has no end.', [{ message: 'no end', path: ['lines'] }])
    const orchestrator = new GenerationOrchestrator({
      generate: generated('Once'),
      validate: (): string => {
        throw error
      },
    })
    const { outcome } = await run(orchestrator.producer('request'))
    expect(failureOf(outcome)).toMatchObject({ code: 'result.invalid', message: 'The story has no end.', cause: error })
    expect(issuesOf(outcome)).toBe(error.issues)
  })
})

describe('a cancel', () => {
  /** A promise that the test settles, or never. */
  function gate() {
    let open = (): void => {}
    const promise = new Promise<void>((resolve) => {
      open = resolve
    })
    return { promise, open }
  }

  /** An orchestrator whose stage of this name waits for the gate. */
  function stoppedAt(stage: string, { promise }: ReturnType<typeof gate>) {
    const calls: string[] = []
    const source = controlledSource()
    const enter = async (name: string): Promise<void> => {
      calls.push(name)
      if (name === stage) await promise
    }
    const orchestrator = new GenerationOrchestrator({
      prompt: async (request: string) => {
        await enter('prompt')
        return request
      },
      generate: async () => {
        await enter('generate')
        source.push('whole')
        source.end()
        return source
      },
      validate: async (text) => {
        await enter('validate')
        return text
      },
      commit: () => enter('commit'),
    })
    return { orchestrator, calls, source }
  }

  const stages = { prompt: 'Prompting', generate: 'Generating', validate: 'Validating' }
  for (const [stage, step] of Object.entries(stages)) {
    it(`CVC-02 G6: in the ${stage} stage ends the job cancelled, and no later stage is entered`, async () => {
      const { clock, manager } = fixture()
      const door = gate()
      const { orchestrator, calls, source } = stoppedAt(stage, door)
      const job = await manager.register(orchestrator.producer('request'))
      await clock.settle()
      expect(job.snapshot()).toMatchObject({ status: 'running', step })
      const entered = [...calls]
      expect(entered.at(-1)).toBe(stage)
      const cancelling = job.cancel()
      door.open() // the stage ends all the same
      expect(await within(clock, 0, cancelling)).toMatchObject({ outcome: 'cancelled', step, forced: false })
      expect(await job.settled).toMatchObject({ status: 'cancelled', commit: 'none' })
      expect(calls).toEqual(entered)
      const events = await readAll(job.events())
      expect(stepsOf(events).at(-1)).toBe(step)
      expect(events.at(-1)).toMatchObject({ type: 'cancelled', kind: 'user' })
      if (stage === 'generate') expect([source.closed, chunksOf(events)]).toEqual([true, []])
    })

    it(`CLN-11: in the ${stage} stage, which hangs, is forced within the grace period`, async () => {
      const { clock, manager } = fixture()
      const { orchestrator } = stoppedAt(stage, gate())
      const job = await manager.register(orchestrator.producer('request'))
      await clock.settle()
      expect(job.snapshot().step).toBe(step)
      expect(await within(clock, 7_000, job.cancel())).toMatchObject({ outcome: 'cancelled', step, forced: true })
      expect(await job.settled).toMatchObject({ commit: 'none' })
    })
  }

  it('CVC-03: in the commit stage is too late', async () => {
    const { clock, manager } = fixture()
    const door = gate()
    const { orchestrator } = stoppedAt('commit', door)
    const job = await manager.register(orchestrator.producer('request'))
    await clock.settle()
    expect(job.snapshot()).toMatchObject({ status: 'committing', step: 'Committing' })
    const cancelling = job.cancel()
    door.open()
    expect(await cancelling).toEqual({ outcome: 'too-late', jobId: job.jobId, status: 'completed' })
    expect(await job.settled).toMatchObject({ status: 'completed', value: 'whole', commit: 'done' })
  })

  it('aborts the signal that a stage was given, in the tick of the cancel', async () => {
    const { clock, manager } = fixture()
    let signal: AbortSignal | undefined
    const orchestrator = new GenerationOrchestrator({
      generate: (_request: string, context) => {
        signal = context.signal
        return controlledSource()
      },
    })
    const job = await manager.register(orchestrator.producer('request'))
    await clock.settle()
    expect(signal?.aborted).toBe(false)
    const cancelling = job.cancel()
    expect(signal?.aborted).toBe(true)
    expect(signal?.reason).toMatchObject({ name: 'AbortError', code: 'job.cancelled' })
    await cancelling
  })

  it('is bounded by the limits of the manager, not by those of the orchestrator', async () => {
    const { clock, manager } = fixture()
    const orchestrator = new GenerationOrchestrator(
      { generate: (_request: string) => new Promise<GenerationSource>(() => {}) },
      { gracePeriodMs: 100 },
    )
    const job = await manager.register(orchestrator.producer('request'))
    await clock.settle()
    const cancelling = job.cancel()
    await clock.advance(3_499)
    expect(job.snapshot().status).toBe('cancelling')
    expect(await within(clock, 1, cancelling)).toMatchObject({ forced: true, cancelMs: 3_500 })
  })
})
