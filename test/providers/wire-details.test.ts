import { fromAnthropic, fromLangChain, fromOpenAI, fromOpenAIResponses } from 'generation-jobs/providers'
import { describe, expect, it } from 'vitest'
import { readModel } from './support/read-source.js'

/** A client whose streams give these items: what a server of today would hardly send. */
async function* stream(items: readonly unknown[]): AsyncGenerator<unknown, void, void> {
  yield* items
}
const create = (items: readonly unknown[]) => ({ create: async () => stream(items) })

const chat = (...items: readonly unknown[]) => readModel(fromOpenAI({ chat: { completions: create(items) } }, {}))
const choice = (content: string | null, finish_reason: string | null = null, more: object = {}) => ({
  choices: [{ index: 0, delta: { content, ...more }, finish_reason }],
})

describe('Chat Completions', () => {
  it('a refusal ends with stop, but is no answer', async () => {
    const reading = await chat(choice(null, null, { refusal: 'No.' }), choice(null, 'stop'))
    expect(reading).toMatchObject({ text: '', finish: 'content-filter' })
  })

  it('of several choices the first is read', async () => {
    const other = { choices: [{ index: 1, delta: { content: 'b' }, finish_reason: 'length' }] }
    expect(await chat(choice('a'), other, choice(null, 'stop'))).toMatchObject({ text: 'a', finish: 'stop' })
  })

  it('usage in every chunk is an estimate until the last', async () => {
    const usage = (completion_tokens: number) => ({ usage: { prompt_tokens: 5, completion_tokens } })
    const { chunks, usage: last } = await chat(
      { ...choice('a'), ...usage(1) },
      { ...choice('b'), ...usage(20) },
      { ...choice(null, 'stop'), ...usage(21) },
    )
    expect(chunks.map(({ usage: at }) => at)).toEqual([
      { inputTokens: 5, outputTokens: 1, quality: 'estimated' },
      { inputTokens: 5, outputTokens: 20, quality: 'estimated' },
      { inputTokens: 5, outputTokens: 21, quality: 'reported' },
    ])
    expect(last?.quality).toBe('reported')
  })

  it('null and missing members are nothing', async () => {
    const items = [
      {},
      { choices: null, usage: null },
      { choices: [] },
      { choices: [{ delta: null }] },
      choice('a', 'stop'),
    ]
    expect(await chat(...items)).toMatchObject({ text: 'a', finish: 'stop', error: undefined })
  })

  it('an error in the body of a chunk fails the source', async () => {
    const error = { message: 'm', type: 'rate_limit_error' }
    expect((await chat(choice('a'), { error }, choice(null, 'stop'))).error).toMatchObject({
      code: 'provider.rate-limited',
    })
  })

  it('a finish reason that nobody knows is no complete one', async () => {
    expect(await chat(choice('a', 'new_reason'))).toMatchObject({ finish: 'error', error: undefined })
  })
})

describe('Responses', () => {
  const read = (...items: readonly unknown[]) => readModel(fromOpenAIResponses({ responses: create(items) }, {}))
  const completed = { type: 'response.completed', response: { id: 'r', usage: null } }

  it('a refusal completes, but is no answer', async () => {
    const reading = await read({ type: 'response.refusal.delta', delta: 'No.' }, completed)
    expect(reading).toMatchObject({ text: '', finish: 'content-filter' })
  })

  it.each([
    [{ type: 'response.failed', response: { error: { code: 'rate_limit_exceeded' } } }, 'provider.rate-limited'],
    [{ type: 'response.failed', response: {} }, 'provider.failed'],
    [{ type: 'response.cancelled', response: {} }, 'provider.failed'],
    [{ type: 'error', code: 'server_error', message: 'm' }, 'provider.unavailable'],
  ])('%j fails the source', async (event, code) => {
    expect((await read(event, completed)).error).toMatchObject({ name: 'ProviderError', code })
  })

  it('an incomplete response without a reason is no complete one', async () => {
    expect(await read({ type: 'response.incomplete', response: {} })).toMatchObject({ finish: 'error' })
  })
})

describe('Messages', () => {
  const read = (...items: readonly unknown[]) => readModel(fromAnthropic({ messages: create(items) }, {}))

  it('cached tokens of the prompt count, and thinking is no text', async () => {
    const usage = { input_tokens: 1, cache_creation_input_tokens: 10, cache_read_input_tokens: 100, output_tokens: 1 }
    const reading = await read(
      { type: 'message_start', message: { usage } },
      { type: 'content_block_delta', delta: { type: 'thinking_delta', thinking: 'hm' } },
      { type: 'content_block_delta', delta: { type: 'text_delta', text: 'a' } },
      { type: 'message_delta', delta: { stop_reason: 'stop_sequence' }, usage: { output_tokens: 4 } },
    )
    expect(reading).toMatchObject({ text: 'a', finish: 'stop', usage: { inputTokens: 111, outputTokens: 4 } })
  })

  it('an error event fails the source', async () => {
    const error = { type: 'overloaded_error', message: 'm' }
    expect((await read({ type: 'error', error })).error).toMatchObject({ code: 'provider.unavailable' })
  })

  it('a pause for tools is no complete end', async () => {
    expect(await read({ type: 'message_delta', delta: { stop_reason: 'pause_turn' } })).toMatchObject({
      finish: 'error',
    })
  })
})

describe('LangChain', () => {
  const read = (...items: readonly unknown[]) => readModel(fromLangChain(() => stream(items)))
  const message = (content: unknown, facts: object = {}) => ({ content, ...facts })
  const end = { response_metadata: { stop_reason: 'end_turn' } }

  it('counts of chunks add up, and content may come in parts', async () => {
    const usage = (input_tokens: number, output_tokens: number) => ({ usage_metadata: { input_tokens, output_tokens } })
    const reading = await read(
      message('', usage(10, 1)),
      message([
        { type: 'thinking', text: 'hm' },
        { type: 'text', text: 'a' },
        { type: 'text', text: 'b' },
      ]),
      message([], { ...end, ...usage(0, 5) }),
    )
    expect(reading).toMatchObject({ text: 'ab', finish: 'stop', usage: { inputTokens: 10, outputTokens: 6 } })
  })

  it("of several models in events the last one's finish reason counts", async () => {
    const ended = (finish_reason: string) => ({
      event: 'on_chat_model_end',
      data: {
        output: message('', {
          response_metadata: { finish_reason },
          usage_metadata: { input_tokens: 1, output_tokens: 2 },
        }),
      },
    })
    const said = (content: string) => ({ event: 'on_chat_model_stream', data: { chunk: message(content) } })
    const reading = await read(said('a'), ended('tool_calls'), { event: 'on_tool_start' }, said('b'), ended('stop'))
    expect(reading).toMatchObject({ text: 'ab', finish: 'stop', error: undefined })
  })

  it('bare strings of a function have no finish reason: provider.truncated', async () => {
    expect(await read('a', 'b')).toMatchObject({ text: 'ab', error: { code: 'provider.truncated' } })
  })

  it('an item that is nothing fails as provider.malformed', async () => {
    expect((await read(null)).error).toMatchObject({ code: 'provider.malformed' })
  })
})
