/**
 * Model SDKs and streams as sources that close on every exit.
 *
 * @module generation-jobs/providers
 */
export type { ChunkLimits } from './chunk-limits.js'
export { type AiSdkStream, fromAiSdk } from './from-ai-sdk.js'
export { type AnthropicClient, type AnthropicParams, fromAnthropic } from './from-anthropic.js'
export { fromLangChain, type LangChainRunnable } from './from-langchain.js'
export { fromNodeReadable } from './from-node-readable.js'
export { fromOpenAI, type OpenAIChatClient, type OpenAIChatParams } from './from-openai.js'
export {
  fromOpenAIResponses,
  type OpenAIResponsesClient,
  type OpenAIResponsesParams,
} from './from-openai-responses.js'
export { fromReadableStream } from './from-readable-stream.js'
export type { ModelRun } from './model-source.js'
export { ProviderError, type ProviderErrorCode } from './provider-error.js'
export type { NodeReadable } from './source-iterator.js'
export type { StreamItem } from './utf8-text.js'
export { type NamedModel, withFallback } from './with-fallback.js'
