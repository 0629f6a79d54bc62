import { Readable } from 'node:stream'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import type Anthropic from '@anthropic-ai/sdk'
import { StringOutputParser } from '@langchain/core/output_parsers'
import { ChatOpenAI } from '@langchain/openai'
import { streamText } from 'ai'
import type { GenerationSource, LanguageModel } from 'generation-jobs'
import {
  type AnthropicClient,
  type AnthropicParams,
  fromAiSdk,
  fromAnthropic,
  fromLangChain,
  fromNodeReadable,
  fromOpenAI,
  fromOpenAIResponses,
  fromReadableStream,
  type LangChainRunnable,
  type OpenAIChatClient,
  type OpenAIChatParams,
  type OpenAIResponsesClient,
  type OpenAIResponsesParams,
  ProviderError,
  type ProviderErrorCode,
  withFallback,
} from 'generation-jobs/providers'
import type OpenAI from 'openai'
import type { AzureOpenAI } from 'openai'
import { describe, expectTypeOf, test } from 'vitest'

declare const openai: OpenAI
declare const anthropic: Anthropic

describe('clients of the real SDKs', () => {
  test('are what the adapters take', () => {
    expectTypeOf<OpenAI>().toExtend<OpenAIChatClient & OpenAIResponsesClient>()
    expectTypeOf<AzureOpenAI>().toExtend<OpenAIChatClient & OpenAIResponsesClient>()
    expectTypeOf<Anthropic>().toExtend<AnthropicClient>()
    expectTypeOf<ChatOpenAI>().toExtend<LangChainRunnable>()
  })

  test('declare the parameters, without what the adapter sets', () => {
    expectTypeOf<OpenAIChatParams<OpenAI>['model']>().toEqualTypeOf<OpenAI.ChatCompletionCreateParams['model']>()
    expectTypeOf<OpenAIChatParams<OpenAI>['temperature']>().toEqualTypeOf<number | null | undefined>()
    expectTypeOf<keyof OpenAIChatParams<OpenAI>>().extract<'messages' | 'stream'>().toBeNever()
    expectTypeOf<OpenAIResponsesParams<OpenAI>['background']>().toEqualTypeOf<boolean | null | undefined>()
    expectTypeOf<keyof OpenAIResponsesParams<OpenAI>>().extract<'input' | 'stream'>().toBeNever()
    expectTypeOf<AnthropicParams<Anthropic>['max_tokens']>().toEqualTypeOf<number>()
    expectTypeOf<keyof AnthropicParams<Anthropic>>().extract<'messages' | 'stream'>().toBeNever()
  })

  test('give a LanguageModel', () => {
    expectTypeOf(fromOpenAI(openai, { model: 'gpt-4o', temperature: 1 })).toEqualTypeOf<LanguageModel>()
    expectTypeOf(fromOpenAIResponses(openai, { model: 'gpt-4o', background: true })).toEqualTypeOf<LanguageModel>()
    expectTypeOf(fromAnthropic(anthropic, { model: 'claude', max_tokens: 1 })).toEqualTypeOf<LanguageModel>()
  })

  test('refuse what they do not know', () => {
    // @ts-expect-error no model
    fromOpenAI(openai, {})
    // @ts-expect-error a string is no temperature
    fromOpenAI(openai, { model: 'gpt-4o', temperature: 'hot' })
    // @ts-expect-error the adapter sets the messages
    fromOpenAI(openai, { model: 'gpt-4o', messages: [] })
    // @ts-expect-error no max_tokens
    fromAnthropic(anthropic, { model: 'claude' })
    // @ts-expect-error a client of another SDK
    fromOpenAI(anthropic, { model: 'gpt-4o' })
  })
})

describe('the functions of fromAiSdk and fromLangChain', () => {
  test('may give what the SDKs give', () => {
    const model = createOpenAICompatible({ name: 'a', baseURL: 'http://localhost' })('a')
    fromAiSdk(({ prompt }, { signal }) => streamText({ model, prompt, abortSignal: signal }))
    fromAiSdk(async ({ prompt }, { signal, jobId }) =>
      streamText({ model, prompt, abortSignal: signal, headers: { 'x-job': jobId } }),
    )
    const chat = new ChatOpenAI()
    fromLangChain(chat)
    fromLangChain(chat.pipe(new StringOutputParser()))
    fromLangChain(({ prompt }, { signal }) => chat.stream(prompt, { signal }))
    fromLangChain(({ prompt }, { signal }) => chat.streamEvents(prompt, { version: 'v2', signal }))
  })

  test('may not give anything else', () => {
    // @ts-expect-error the text of streamText is not its stream
    fromAiSdk(() => ({ textStream: new ReadableStream<string>() }))
    // @ts-expect-error no stream
    fromLangChain({ invoke: async () => '' })
  })
})

describe('streams', () => {
  test('of text, bytes or chunks are sources', () => {
    expectTypeOf(fromReadableStream(new ReadableStream<string>())).toEqualTypeOf<GenerationSource>()
    fromReadableStream(new ReadableStream<Uint8Array>())
    fromReadableStream(new ReadableStream<{ text: string }>())
    fromReadableStream(new Response('a').body ?? new ReadableStream<Uint8Array>())
    expectTypeOf(fromNodeReadable(Readable.from(['a']))).toEqualTypeOf<GenerationSource>()
    // @ts-expect-error numbers are no text
    fromReadableStream(new ReadableStream<number>())
  })
})

describe('the rest', () => {
  test('a chain is a LanguageModel, and takes limits nowhere', () => {
    expectTypeOf(
      withFallback([{ name: 'a', model: fromAiSdk(() => ({ stream: Readable.from([]) })) }]),
    ).toEqualTypeOf<LanguageModel>()
  })

  test('limits may be undefined', () => {
    const firstChunkMs = undefined as number | undefined
    fromOpenAI(openai, { model: 'gpt-4o' }, { firstChunkMs, idleChunkMs: undefined, clock: undefined })
  })

  test('a ProviderError has a code of a provider', () => {
    const error = new ProviderError('provider.failed', 'failed')
    expectTypeOf(error.code).toEqualTypeOf<ProviderErrorCode>()
    expectTypeOf(error.status).toEqualTypeOf<number | undefined>()
    // @ts-expect-error a code of the core
    new ProviderError('job.not-found', 'failed')
  })
})
