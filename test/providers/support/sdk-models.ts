import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import Anthropic from '@anthropic-ai/sdk'
import { StringOutputParser } from '@langchain/core/output_parsers'
import { ChatOpenAI } from '@langchain/openai'
import { streamText } from 'ai'
import type { LanguageModel } from 'generation-jobs'
import {
  type ChunkLimits,
  fromAiSdk,
  fromAnthropic,
  fromLangChain,
  fromOpenAI,
  fromOpenAIResponses,
} from 'generation-jobs/providers'
import OpenAI from 'openai'

export const API_KEY = 'sk-secret-key'

export interface SdkOptions {
  readonly limits?: ChunkLimits
  /** Of the SDK. @defaultValue 0 */
  readonly maxRetries?: number
}

/** One real SDK behind its adapter. */
export interface SdkModel {
  readonly name: string
  /** It tells its reader of the finish reason and of usage before the connection is closed. */
  readonly endsBeforeClose: boolean
  /** Its retries wait as long as the provider says, not longer, and leave no timer when they are aborted. */
  readonly hasTidyRetries: boolean
  /** The quietest of its settings: no log of its own. */
  model(url: string, options?: SdkOptions): LanguageModel
}

const quiet = { logLevel: 'off' as const }

export function openaiClient(url: string, maxRetries = 0): OpenAI {
  return new OpenAI({ apiKey: API_KEY, baseURL: `${url}/v1`, maxRetries, ...quiet })
}

function langchainModel(url: string, maxRetries = 0): ChatOpenAI {
  const configuration = { baseURL: `${url}/v1`, ...quiet }
  return new ChatOpenAI({ apiKey: API_KEY, model: 'fake', maxRetries, configuration })
}

const openai: SdkModel = {
  name: 'OpenAI chat',
  endsBeforeClose: true,
  hasTidyRetries: true,
  model: (url, { limits, maxRetries } = {}) => fromOpenAI(openaiClient(url, maxRetries), { model: 'fake' }, limits),
}

const openaiResponses: SdkModel = {
  name: 'OpenAI responses',
  endsBeforeClose: true,
  hasTidyRetries: true,
  model: (url, { limits, maxRetries } = {}) =>
    fromOpenAIResponses(openaiClient(url, maxRetries), { model: 'fake' }, limits),
}

const anthropic: SdkModel = {
  name: 'Anthropic',
  endsBeforeClose: true,
  hasTidyRetries: true,
  model: (url, { limits, maxRetries = 0 } = {}) => {
    const client = new Anthropic({ apiKey: API_KEY, baseURL: url, maxRetries, ...quiet })
    return fromAnthropic(client, { model: 'fake', max_tokens: 100 }, limits)
  },
}

const aiSdk: SdkModel = {
  name: 'AI SDK',
  endsBeforeClose: false,
  hasTidyRetries: true,
  model: (url, { limits, maxRetries = 0 } = {}) => {
    const provider = createOpenAICompatible({ name: 'fake', apiKey: API_KEY, baseURL: `${url}/v1`, includeUsage: true })
    const model = provider('fake')
    return fromAiSdk(
      ({ system, prompt }, { signal }) =>
        streamText({
          model,
          ...(system ? { system } : {}),
          prompt,
          abortSignal: signal,
          maxRetries,
          onError: () => {},
        }),
      limits,
    )
  },
}

const langchain: SdkModel = {
  name: 'LangChain stream',
  endsBeforeClose: false,
  hasTidyRetries: false,
  model: (url, { limits, maxRetries } = {}) => fromLangChain(langchainModel(url, maxRetries), limits),
}

const langchainParser: SdkModel = {
  name: 'LangChain stream, parsed',
  endsBeforeClose: false,
  hasTidyRetries: false,
  model: (url, { limits, maxRetries } = {}) =>
    fromLangChain(langchainModel(url, maxRetries).pipe(new StringOutputParser()), limits),
}

const langchainEvents: SdkModel = {
  name: 'LangChain streamEvents',
  endsBeforeClose: false,
  hasTidyRetries: false,
  model: (url, { limits, maxRetries } = {}) => {
    const model = langchainModel(url, maxRetries)
    return fromLangChain(({ prompt }, { signal }) => model.streamEvents(prompt, { version: 'v2', signal }), limits)
  },
}

export const SDK_MODELS: readonly SdkModel[] = [
  openai,
  openaiResponses,
  anthropic,
  aiSdk,
  langchain,
  langchainParser,
  langchainEvents,
]
