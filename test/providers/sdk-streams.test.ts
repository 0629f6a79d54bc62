import { describe, expect, it } from 'vitest'
import { TEXTS } from './support/fake-provider.js'
import { fakeProvider } from './support/fake-provider-fixture.js'
import { PROMPT, readModel } from './support/read-source.js'
import { API_KEY, SDK_MODELS } from './support/sdk-models.js'
import { INPUT_TOKENS, OUTPUT_TOKENS, SECRET } from './support/wire-formats.js'

const TEXT = TEXTS.join('')

function expectNoSecret(error: unknown): void {
  const { message, stack } = error as Error
  const told = `${message} ${stack} ${String(error)} ${JSON.stringify(error)}`
  for (const secret of [SECRET, API_KEY, PROMPT.prompt, PROMPT.system, TEXT]) expect(told).not.toContain(secret)
}

describe.each(SDK_MODELS)('a stream of $name', ({ model }) => {
  it('gives the text, the finish reason, and what it cost as metadata, once', async () => {
    const { url } = await fakeProvider()
    const { text, finish, usage, metadata, error } = await readModel(model(url))
    expect(error).toBeUndefined()
    expect({ text, finish, usage }).toEqual({
      text: TEXT,
      finish: 'stop',
      usage: { inputTokens: INPUT_TOKENS, outputTokens: OUTPUT_TOKENS, quality: 'reported' },
    })
    expect(metadata).toEqual([{ usage_prompt_tokens: INPUT_TOKENS, usage_completion_tokens: OUTPUT_TOKENS }])
  })

  it('gives each text as a chunk of its own', async () => {
    const { url } = await fakeProvider()
    const { chunks } = await readModel(model(url))
    expect(chunks.flatMap(({ text }) => text || [])).toEqual(TEXTS)
  })

  it('gives the same text when it comes byte by byte', async () => {
    const { url } = await fakeProvider({ fault: 'slow-drip' })
    expect(await readModel(model(url))).toMatchObject({ text: TEXT, finish: 'stop', error: undefined })
  })

  it('CVC-12: estimates what it cost until it is reported', async () => {
    const { url } = await fakeProvider({ fault: 'silent-end' })
    const { usage, metadata } = await readModel(model(url))
    expect(usage).toMatchObject({ outputTokens: expect.any(Number), quality: 'estimated' })
    expect(usage?.outputTokens).toBeGreaterThan(0)
    expect(metadata).toEqual([])
  })

  it('is complete when the provider reports no usage, which is then estimated', async () => {
    const { url } = await fakeProvider({ usage: false })
    const reading = await readModel(model(url))
    expect(reading).toMatchObject({ text: TEXT, finish: 'stop', usage: { quality: 'estimated' }, error: undefined })
    expect(reading.metadata).toEqual([])
  })

  it.each(['length', 'content-filter', 'tool-calls'] as const)('has the finish reason %s', async (finish) => {
    const { url } = await fakeProvider({ finish })
    const reading = await readModel(model(url))
    expect(reading).toMatchObject({ text: TEXT, finish, usage: { quality: 'reported' }, error: undefined })
  })

  it.each([
    [401, 'provider.unauthorized'],
    [403, 'provider.unauthorized'],
    [429, 'provider.rate-limited'],
    [400, 'provider.refused'],
    [404, 'provider.refused'],
    [422, 'provider.refused'],
    [408, 'provider.unavailable'],
    [500, 'provider.unavailable'],
    [503, 'provider.unavailable'],
    [529, 'provider.unavailable'],
  ])('SEC-04: fails with HTTP %d as %s, and keeps body, headers, key and prompt to itself', async (status, code) => {
    const { url } = await fakeProvider({ fault: { status } })
    const { error, chunks } = await readModel(model(url))
    expect(error).toMatchObject({ name: 'ProviderError', code, status })
    expect(error).toHaveProperty('cause')
    expect(chunks).toEqual([])
    expectNoSecret(error)
  })

  it.each([
    ['silent-end', 'provider.truncated'],
    ['malformed-json', 'provider.malformed'],
    ['error-frame', 'provider.unavailable'],
    ['cut-mid-frame', 'provider.unavailable'],
  ] as const)('SEC-04: fails with %s as %s, after the text that came', async (fault, code) => {
    const { url } = await fakeProvider({ fault })
    const { error, text } = await readModel(model(url))
    expect(error).toMatchObject({ name: 'ProviderError', code, status: undefined })
    expect(TEXT.startsWith(text)).toBe(true)
    expectNoSecret(error)
  })

  it('fails as provider.unavailable when nobody listens', async () => {
    const provider = await fakeProvider()
    await provider.close()
    const { error } = await readModel(model(provider.url))
    expect(error).toMatchObject({ name: 'ProviderError', code: 'provider.unavailable' })
    expectNoSecret(error)
  })
})

describe.each(SDK_MODELS.filter(({ endsBeforeClose }) => endsBeforeClose))('a stream of $name', ({ model }) => {
  it('ends at finish reason and usage although the server keeps the connection open, and closes it', async () => {
    const provider = await fakeProvider({ keepsOpen: true })
    const reading = await readModel(model(provider.url))
    expect(reading).toMatchObject({ text: TEXT, finish: 'stop', usage: { quality: 'reported' }, error: undefined })
    await provider.calls[0]?.closed
  })
})

describe.each(SDK_MODELS.filter(({ hasTidyRetries }) => hasTidyRetries))('a stream of $name', ({ model }) => {
  it('asks again as often as the SDK is set to, and reads the answer', async () => {
    const busy = { fault: { status: 429, headers: { 'retry-after-ms': '1', 'retry-after': '0.001' } } } as const
    const provider = await fakeProvider((index) => (index === 0 ? busy : {}))
    expect(await readModel(model(provider.url, { maxRetries: 1 }))).toMatchObject({ text: TEXT, error: undefined })
    expect(provider.calls).toHaveLength(2)
  })
})
