import { describe, expect, it } from 'vitest'
import { createAnthropicModel } from '../../examples/generate-dialogue/provider/anthropic-model.ts'
import { createOpenAIModel } from '../../examples/generate-dialogue/provider/openai-model.ts'
import type { LanguageModel, ModelChunk } from '../../src/core/generation-source.js'
import { answerEvents, startProvider, writeEvents } from './support/provider-server.ts'

const KEY = 'secret-key'
const PROMPT = { system: 'Answer in JSON.', prompt: 'Le pont' }
const { signal } = new AbortController()

const openai = (baseUrl: string) => createOpenAIModel({ apiKey: KEY, baseUrl, model: 'm' })
const anthropic = (baseUrl: string) => createAnthropicModel({ apiKey: KEY, baseUrl, model: 'm' })

const text = (content: string) => ({ choices: [{ delta: { content }, finish_reason: null }] })
const openaiEnd = [
  { choices: [{ delta: {}, finish_reason: 'stop' }] },
  { choices: [], usage: { prompt_tokens: 3, completion_tokens: 2 } },
  '[DONE]',
]
const delta = (content: string) => ({
  type: 'content_block_delta',
  delta: { type: 'text_delta', text: content },
})
const anthropicStart = { type: 'message_start', message: { usage: { input_tokens: 3 } } }
const anthropicEnd = [
  { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 2 } },
  { type: 'message_stop' },
]

const PROVIDERS = [
  { name: 'OpenAI', open: openai, start: [], text, end: openaiEnd },
  { name: 'Anthropic', open: anthropic, start: [anthropicStart], text: delta, end: anthropicEnd },
]

async function open(model: LanguageModel, options = { signal }): Promise<AsyncGenerator<ModelChunk>> {
  return (await model(PROMPT, { ...options, jobId: 'a' })) as AsyncGenerator<ModelChunk>
}

async function readAll(model: LanguageModel) {
  let read = ''
  const others: ModelChunk[] = []
  for await (const { text: piece, ...rest } of await open(model)) {
    read += piece ?? ''
    if (piece === undefined) others.push(rest)
  }
  return { read, others }
}

async function failure(model: LanguageModel) {
  const error = await readAll(model).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(`${(error as Error).stack} ${JSON.stringify(error)}`).not.toMatch(/secret/)
  return error
}

describe.each(PROVIDERS)('a model of $name', ({ open: create, start, text: piece, end }) => {
  it('gives text, finish reason and usage', async () => {
    const { url } = await startProvider(answerEvents(...start, piece('Bon'), piece('jour 🌉'), ...end))
    const { read, others } = await readAll(create(url))
    expect(read).toBe('Bonjour 🌉')
    expect(Object.assign({}, ...others)).toEqual({
      finish: 'stop',
      usage: { inputTokens: 3, outputTokens: 2, quality: 'reported' },
    })
  })

  it.each([
    [401, 'provider.unauthorized'],
    [403, 'provider.unauthorized'],
    [429, 'provider.rate-limited'],
    [400, 'provider.refused'],
    [500, 'provider.unavailable'],
    [529, 'provider.unavailable'],
  ])('answers HTTP %d with the code %s, and keeps body and key to itself', async (status, code) => {
    const { url } = await startProvider((response) => response.writeHead(status).end('secret body'))
    expect(await failure(create(url))).toMatchObject({ name: 'ProviderError', code, status })
  })

  it('says provider.unavailable when nobody listens', async () => {
    expect(await failure(create('http://127.0.0.1:1'))).toMatchObject({ code: 'provider.unavailable' })
  })

  it.each(['not JSON, secret', 'null', '3'])('says provider.malformed for the data %j', async (data) => {
    const { url } = await startProvider(answerEvents(...start, data))
    expect(await failure(create(url))).toMatchObject({ code: 'provider.malformed' })
  })

  it('says provider.truncated when the stream ends without a finish reason', async () => {
    const { url } = await startProvider(answerEvents(...start, piece('Bon')))
    expect(await failure(create(url))).toMatchObject({ code: 'provider.truncated' })
  })

  it('says provider.unavailable when the connection breaks', async () => {
    const { url } = await startProvider((response) => {
      writeEvents(response, ...start, piece('Bon'))
      setImmediate(() => response.destroy())
    })
    expect(await failure(create(url))).toMatchObject({ code: 'provider.unavailable' })
  })

  it('asks nothing before the first chunk is wanted', async () => {
    const { url, requests } = await startProvider(answerEvents(...start, ...end))
    const source = await open(create(url))
    expect(requests).toEqual([])
    await source.return(undefined)
    expect(requests).toEqual([])
  })

  it('closes the connection when it is aborted while it waits', async () => {
    const { url, requests } = await startProvider((response) => writeEvents(response, ...start, piece('Bon')))
    const controller = new AbortController()
    const source = await open(create(url), { signal: controller.signal })
    expect(await source.next()).toMatchObject({ value: { text: 'Bon' } })
    const next = source.next()
    controller.abort(new Error('interrupted'))
    await expect(next).rejects.toThrow('interrupted')
    await requests[0]?.closed
  })

  it('closes the connection when the reader leaves', async () => {
    const { url, requests } = await startProvider((response) => writeEvents(response, ...start, piece('Bon')))
    const source = await open(create(url))
    await source.next()
    await source.return(undefined)
    await requests[0]?.closed
  })
})

describe('finish reasons', () => {
  it.each([
    ['length', 'length'],
    ['content_filter', 'content-filter'],
    ['tool_calls', 'tool-calls'],
    ['new_reason', 'error'],
  ])('%s of OpenAI is %s', async (reason, finish) => {
    const { url } = await startProvider(answerEvents({ choices: [{ delta: {}, finish_reason: reason }] }, '[DONE]'))
    expect((await readAll(openai(url))).others).toEqual([{ finish }])
  })

  it.each([
    ['max_tokens', 'length'],
    ['refusal', 'content-filter'],
    ['tool_use', 'tool-calls'],
    ['new_reason', 'error'],
  ])('%s of Anthropic is %s', async (reason, finish) => {
    const { url } = await startProvider(
      answerEvents({ type: 'message_delta', delta: { stop_reason: reason } }, { type: 'message_stop' }),
    )
    expect((await readAll(anthropic(url))).others).toMatchObject([{ finish }])
  })
})

describe('what is sent', () => {
  it('to OpenAI asks for a JSON object and for the usage', async () => {
    const { url, requests } = await startProvider(answerEvents(...openaiEnd))
    await readAll(openai(`${url}/v1/`))
    expect(requests[0]).toMatchObject({
      url: '/v1/chat/completions',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
      body: {
        model: 'm',
        stream: true,
        stream_options: { include_usage: true },
        response_format: { type: 'json_object' },
        messages: [
          { role: 'system', content: PROMPT.system },
          { role: 'user', content: PROMPT.prompt },
        ],
      },
    })
  })

  it('to a server without a key has no authorization', async () => {
    const { url, requests } = await startProvider(answerEvents(...openaiEnd))
    await readAll(createOpenAIModel({ apiKey: undefined, baseUrl: url, model: 'm' }))
    expect(requests[0]?.headers.authorization).toBeUndefined()
  })

  it('to Anthropic has the version and a limit of tokens', async () => {
    const { url, requests } = await startProvider(answerEvents(anthropicStart, ...anthropicEnd))
    await readAll(anthropic(url))
    expect(requests[0]).toMatchObject({
      url: '/v1/messages',
      headers: { 'x-api-key': KEY, 'anthropic-version': '2023-06-01' },
      body: {
        model: 'm',
        stream: true,
        max_tokens: expect.any(Number),
        system: PROMPT.system,
        messages: [{ role: 'user', content: PROMPT.prompt }],
      },
    })
  })
})
