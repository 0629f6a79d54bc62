import Anthropic from '@anthropic-ai/sdk'
import { InvalidOptionsError } from 'generation-jobs'
import { fromAiSdk, fromAnthropic, fromLangChain, fromOpenAI, fromOpenAIResponses } from 'generation-jobs/providers'
import { describe, expect, it } from 'vitest'
import { thrownBy } from '../support/caught.js'
import { fakeProvider } from './support/fake-provider-fixture.js'
import { openSource, PROMPT, readModel, readSource } from './support/read-source.js'
import { API_KEY, openaiClient, SDK_MODELS } from './support/sdk-models.js'

describe('a request', () => {
  it('of fromOpenAI has the messages, asks for usage, and keeps the parameters', async () => {
    const provider = await fakeProvider()
    await readModel(fromOpenAI(openaiClient(provider.url), { model: 'm', temperature: 0.5 }))
    expect(provider.calls).toMatchObject([
      {
        url: '/v1/chat/completions',
        headers: { authorization: `Bearer ${API_KEY}` },
        body: {
          model: 'm',
          temperature: 0.5,
          stream: true,
          stream_options: { include_usage: true },
          messages: [
            { role: 'system', content: PROMPT.system },
            { role: 'user', content: PROMPT.prompt },
          ],
        },
      },
    ])
  })

  it('of fromOpenAI leaves stream_options to those who set them', async () => {
    const provider = await fakeProvider()
    await readModel(fromOpenAI(openaiClient(provider.url), { model: 'm', stream_options: null }))
    expect(provider.calls[0]?.body.stream_options).toBeNull()
  })

  it('of fromOpenAIResponses has input and instructions', async () => {
    const provider = await fakeProvider()
    const model = fromOpenAIResponses(openaiClient(provider.url), { model: 'm', instructions: 'of the parameters' })
    await readModel(model)
    await readSource(await model({ prompt: 'b' }, { signal: new AbortController().signal, jobId: '' }))
    expect(provider.calls.map(({ url, body }) => ({ url, body }))).toMatchObject([
      { url: '/v1/responses', body: { model: 'm', stream: true, input: PROMPT.prompt, instructions: PROMPT.system } },
      { url: '/v1/responses', body: { model: 'm', stream: true, input: 'b', instructions: 'of the parameters' } },
    ])
  })

  it('of fromAnthropic has the message and the system prompt', async () => {
    const provider = await fakeProvider()
    const client = new Anthropic({ apiKey: API_KEY, baseURL: provider.url })
    const model = fromAnthropic(client, { model: 'm', max_tokens: 9, system: 'of the parameters' })
    await readModel(model)
    await readSource(await model({ prompt: 'b' }, { signal: new AbortController().signal, jobId: '' }))
    const message = (content: string) => ({
      messages: [{ role: 'user', content }],
      model: 'm',
      max_tokens: 9,
      stream: true,
    })
    expect(provider.calls.map(({ url, body }) => ({ url, body }))).toMatchObject([
      { url: '/v1/messages', body: { ...message(PROMPT.prompt), system: PROMPT.system } },
      { url: '/v1/messages', body: { ...message('b'), system: 'of the parameters' } },
    ])
  })

  it.each(SDK_MODELS.filter(({ name }) => name.startsWith('LangChain stream,') || name === 'LangChain stream'))(
    'of a runnable ($name) has both messages',
    async ({ model }) => {
      const provider = await fakeProvider()
      await readModel(model(provider.url))
      expect(provider.calls[0]?.body).toMatchObject({
        messages: [
          { role: 'system', content: PROMPT.system },
          { role: 'user', content: PROMPT.prompt },
        ],
      })
    },
  )

  it('of a function is its own: it gets the prompt, the job id and a signal', async () => {
    const given: unknown[] = []
    const model = fromAiSdk((...args) => {
      given.push(...args)
      return { stream: (async function* () {})() }
    })
    const { signal } = new AbortController()
    const source = await openSource(model, signal)
    expect(given).toEqual([])
    await readSource(source)
    expect(given).toEqual([PROMPT, { jobId: 'job-1', signal: expect.any(AbortSignal) }])
  })
})

describe('an adapter', () => {
  const client = openaiClient('http://127.0.0.1:1')
  it.each<[string, () => unknown, string]>([
    [
      'no client',
      () => fromOpenAI(undefined as never, { model: 'm' } as never),
      'a client with chat.completions.create()',
    ],
    [
      'a client of another kind',
      () => fromOpenAI({ chat: {} } as never, {}),
      'a client with chat.completions.create()',
    ],
    ['no parameters', () => fromOpenAI(client, undefined as never), 'params to be an object, got undefined'],
    ['no client', () => fromAnthropic({} as never, {}), 'a client with messages.create()'],
    ['no client', () => fromOpenAIResponses({} as never, {}), 'a client with responses.create()'],
    [
      'a client that cannot take a background response up again',
      () => fromOpenAIResponses({ responses: { create: () => undefined } }, { background: true } as never),
      'a client with responses.retrieve()',
    ],
    ['no function', () => fromAiSdk({} as never), 'fromAiSdk: expected a function, got an object'],
    [
      'no runnable',
      () => fromLangChain({} as never),
      'fromLangChain: expected a Runnable or a function, got an object',
    ],
    [
      'a limit that is none',
      () => fromOpenAI(client, { model: 'm' }, { idleChunkMs: -1 }),
      'fromOpenAI: expected idleChunkMs',
    ],
  ])('given %s refuses at the call', (_, call, message) => {
    const error = thrownBy(call)
    expect(error).toBeInstanceOf(InvalidOptionsError)
    expect(String(error)).toContain(message)
  })
})
