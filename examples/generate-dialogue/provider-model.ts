import type { LanguageModel } from 'generation-jobs'
import { fromAnthropic, fromOpenAI } from 'generation-jobs/providers'

export interface ProviderOptions {
  readonly apiKey: string | undefined
  /** Also of a compatible server of your own; absent: the provider's. */
  readonly baseURL: string | undefined
  readonly model: string
}

/** Enough for one node with eight choices. */
const MAX_TOKENS = 4_096
/** A model may think for a while before it writes; once it writes, it does not pause for so long. */
const LIMITS = { firstChunkMs: 120_000, idleChunkMs: 60_000 }
/** By default the SDKs print what they cannot read, generated text included. */
const QUIET = { logLevel: 'off' } as const

/** A model behind OpenAI's Chat Completions. */
export function createOpenAIModel({ apiKey, baseURL, model }: ProviderOptions): LanguageModel {
  return loaded(async () => {
    const { OpenAI } = await import('openai')
    const access = apiKey ? { apiKey } : { apiKey: 'none', defaultHeaders: { authorization: null } }
    const client = new OpenAI({ ...access, ...(baseURL ? { baseURL } : {}), ...QUIET })
    return fromOpenAI(client, { model, response_format: { type: 'json_object' } }, LIMITS)
  })
}

/** A model behind Anthropic's Messages. */
export function createAnthropicModel({ apiKey, baseURL, model }: ProviderOptions): LanguageModel {
  return loaded(async () => {
    const { Anthropic } = await import('@anthropic-ai/sdk')
    const client = new Anthropic({ apiKey, ...(baseURL ? { baseURL } : {}), ...QUIET })
    return fromAnthropic(client, { model, max_tokens: MAX_TOKENS }, LIMITS)
  })
}

/** Only the SDK that is used is loaded, and only once something is generated. */
function loaded(load: () => Promise<LanguageModel>): LanguageModel {
  let loading: Promise<LanguageModel> | undefined
  return async (prompt, run) => {
    loading ??= load()
    const model = await loading
    return model(prompt, run)
  }
}
