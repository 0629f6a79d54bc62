import { GenerationJobManager, InvalidOptionsError, type LanguageModel, type Logger } from 'generation-jobs'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  type DialogueStore,
  UnityDialogueOrchestrator,
  type UnityDialogueOrchestratorOptions,
  type UnityDialogueRequest,
} from '../../src/dialogue/index.js'

const request = { instructions: 'Une dispute', characters: ['Mira', 'Tom'] }
const answer = (node: object) => JSON.stringify({ title: 'Le pont', node })
const choices = (count: number) => Array.from({ length: count }, (_, index) => ({ text: `secret ${index}` }))

/** A model that answers with this text in pieces of three characters, and then waits or ends. */
const answering = (text: string, end: 'stop' | 'length' | 'stall' = 'stop'): LanguageModel =>
  async function* (_prompt, { signal }) {
    for (let start = 0; start < text.length; start += 3) yield text.slice(start, start + 3)
    if (end === 'stall')
      await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    else yield { finish: end }
  }

function recordingStore() {
  const saved: { line: string | undefined; title: string; jobId: string; fencingToken: number }[] = []
  const store: DialogueStore = {
    async save({ title, nodes }, { jobId, fencingToken }) {
      saved.push({ title, line: nodes[0]?.line, jobId, fencingToken })
    },
  }
  return { store, saved }
}

function recordingLogger() {
  const lines: string[] = []
  const write = (fields: object, message: string) => void lines.push(`${JSON.stringify(fields)} ${message}`)
  const logger: Logger = { debug: write, info: write, warn: write, error: write }
  return { logger, lines }
}

async function run(
  options: UnityDialogueOrchestratorOptions,
  ask: Partial<UnityDialogueRequest> = {},
  onChunk: (cancel: () => void) => void = () => {},
) {
  const { logger, lines } = recordingLogger()
  const manager = new GenerationJobManager({ logger })
  onTestFinished(() => manager.close())
  const producer = new UnityDialogueOrchestrator(options).producer({ ...request, ...ask })
  const job = await manager.register(producer)
  const types: string[] = []
  for await (const event of job.events()) {
    types.push(event.type === 'step' ? event.step : event.type)
    if (event.type === 'chunk') onChunk(() => void job.cancel())
  }
  const outcome = await job.settled
  return { outcome, steps: types.filter((type) => type !== 'chunk'), lines, jobId: job.jobId }
}

describe('a dialogue job', () => {
  it('gives title and nodes, and has no step Committing without a store', async () => {
    const { outcome, steps } = await run({
      model: answering(answer({ line: 'Bonjour', choices: choices(2) })),
    })
    expect(outcome).toMatchObject({
      status: 'completed',
      commit: 'none',
      value: {
        title: 'Le pont',
        nodes: [
          {
            id: 'START',
            line: 'Bonjour',
            choices: [{ text: 'secret 0', targetNode: 'END' }, { targetNode: 'END' }],
          },
        ],
      },
    })
    expect(steps).toEqual(['Prompting', 'Generating', 'Validating', 'complete'])
  })

  it('saves the whole dialogue once, with its job id and fencing token', async () => {
    const { store, saved } = recordingStore()
    const { outcome, steps, jobId } = await run({ model: answering(answer({ line: 'Bonjour' })), store })
    expect(outcome).toMatchObject({ status: 'completed', commit: 'done' })
    expect(saved).toEqual([{ title: 'Le pont', line: 'Bonjour', jobId, fencingToken: expect.any(Number) }])
    expect(steps).toEqual(['Prompting', 'Generating', 'Validating', 'Committing', 'complete'])
  })

  it('asks the model with the prompt of the request, or with one of your own', async () => {
    const asked: unknown[] = []
    const model: LanguageModel = (prompt, run) => {
      asked.push(prompt)
      return answering(answer({ line: 'a' }))(prompt, run)
    }
    await run({ model })
    await run({ model, buildPrompt: async ({ npcSpeaker }) => ({ prompt: `As ${npcSpeaker}` }) })
    expect(asked).toEqual([
      {
        system: expect.stringContaining('JSON'),
        prompt: expect.stringContaining('Instructions: Une dispute'),
      },
      { prompt: 'As Mira' },
    ])
  })

  it.each([
    ['no JSON', 'I cannot answer secret.', 'result.invalid'],
    ['another shape', JSON.stringify({ nodes: [] }), 'result.invalid'],
    ['one choice in free mode', answer({ choices: choices(1) }), 'result.invalid'],
    ['no choices in a list in free mode', answer({ choices: [] }), 'result.invalid'],
    [
      'a reference to nowhere',
      answer({ choices: [{ text: 'a', testSuccessNode: 'secret' }, { text: 'b' }] }),
      'result.invalid',
    ],
  ])('fails and saves nothing when the model answers with %s', async (_what, text, code) => {
    const { store, saved } = recordingStore()
    const { outcome, lines } = await run({ model: answering(text), store })
    expect(outcome).toMatchObject({ status: 'failed', commit: 'none', error: { code } })
    expect(saved).toEqual([])
    expect(lines.join('\n')).not.toContain('secret')
  })

  it('fails and saves nothing when the model was cut off, even if the text is a dialogue', async () => {
    const { store, saved } = recordingStore()
    const { outcome } = await run({ model: answering(answer({ line: 'a' }), 'length'), store })
    expect(outcome).toMatchObject({ status: 'failed', error: { code: 'generation.incomplete' } })
    expect(saved).toEqual([])
  })

  it('saves nothing when it is cancelled, even if the text is a dialogue already', async () => {
    const { store, saved } = recordingStore()
    const text = answer({ line: 'a' })
    let chunks = 0
    const { outcome, steps } = await run({ model: answering(text, 'stall'), store }, {}, (cancel) => {
      chunks += 1
      if (chunks === Math.ceil(text.length / 3)) cancel()
    })
    expect(outcome).toMatchObject({ status: 'cancelled', commit: 'none', forced: false })
    expect(steps).toEqual(['Prompting', 'Generating', 'cancelling', 'cancelled'])
    expect(saved).toEqual([])
  })

  it('fails when the store does', async () => {
    const store: DialogueStore = { save: () => Promise.reject(new Error('disk full')) }
    const { outcome } = await run({ model: answering(answer({ line: 'a' })), store })
    expect(outcome).toMatchObject({ status: 'failed', commit: 'unknown', error: { code: 'commit.failed' } })
  })
})

describe('the number of choices', () => {
  const kept = async (options: object, ask: object) => {
    const { outcome, lines } = await run(
      { model: answering(answer({ line: 'a', choices: choices(9) })), ...options },
      ask,
    )
    if (outcome.status !== 'completed') throw new Error(outcome.status)
    return {
      count: outcome.value?.nodes[0]?.choices?.length ?? 0,
      warnings: lines.filter((line) => /dialogue\./.test(line)),
    }
  }

  it.each([
    [{}, {}, 8],
    [{ maxChoices: 3 }, {}, 3],
    [{ maxChoices: 3 }, { maxChoices: 5 }, 5],
    [{ choicesMode: 'capped' }, {}, 8],
    [{}, { maxChoices: 0 }, 0],
  ])('with the options %j and the request %j is %d of 9', async (options, ask, count) => {
    const { count: found, warnings } = await kept(options, ask)
    expect(found).toBe(count)
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toMatch(new RegExp(`dialogue.choices-cut.*"received":9,"kept":${count}`))
    expect(warnings[0]).not.toContain('secret')
  })

  it('is not warned about when it fits', async () => {
    expect((await kept({}, { maxChoices: 9 })).warnings).toEqual([])
  })
})

it('warns when a node has neither a line nor choices', async () => {
  const { outcome, lines } = await run({ model: answering(answer({ speaker: 'Mira' })) })
  expect(outcome.status).toBe('completed')
  expect(lines.join('\n')).toContain('dialogue.empty-node')
})

describe('generateWithEvents', () => {
  const collect = async (
    options: Partial<UnityDialogueOrchestratorOptions>,
    token?: Parameters<UnityDialogueOrchestrator['generateWithEvents']>[1],
  ) => {
    const model = answering(answer({ line: 'Bonjour' }))
    const orchestrator = new UnityDialogueOrchestrator({ model, ...options }, { logger: false })
    const events = []
    for await (const event of orchestrator.generateWithEvents(request, token)) events.push(event)
    return events.filter(({ type }) => type !== 'chunk')
  }

  it('ends with the dialogue', async () => {
    expect(await collect({})).toEqual([
      { type: 'step', step: 'Prompting' },
      { type: 'step', step: 'Generating' },
      { type: 'step', step: 'Validating' },
      { type: 'complete', result: { title: 'Le pont', nodes: [{ id: 'START', line: 'Bonjour' }] } },
    ])
  })

  it('ends with the error of a bad answer', async () => {
    expect((await collect({ model: answering('no') })).at(-1)).toMatchObject({
      type: 'error',
      code: 'result.invalid',
    })
  })

  it('ends cancelled when the signal is aborted', async () => {
    const { store, saved } = recordingStore()
    expect((await collect({ store }, AbortSignal.abort())).at(-1)).toEqual({
      type: 'cancelled',
      kind: 'signal',
    })
    expect(saved).toEqual([])
  })
})

describe('wrong use', () => {
  const model = answering('')

  it('of the request throws at the call, before there is a job', () => {
    const orchestrator = new UnityDialogueOrchestrator({ model })
    const empty = { instructions: '', characters: [] }
    expect(() => orchestrator.producer(empty)).toThrow(InvalidOptionsError)
    expect(() => orchestrator.generateWithEvents(empty)).toThrow(InvalidOptionsError)
  })

  it.each([
    undefined,
    {},
    { model: 'gpt' },
    { model, store: {} },
    { model, store: null },
    { model, buildPrompt: 'x' },
    { model, maxChoices: -1 },
    { model, choicesMode: 'x' },
    { model, retries: 3 },
  ])('of the options throws: %o', (options) => {
    expect(() => new UnityDialogueOrchestrator(options as UnityDialogueOrchestratorOptions)).toThrow(
      InvalidOptionsError,
    )
  })
})
