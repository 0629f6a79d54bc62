import type { LanguageModel } from '../core/generation-source.js'
import { BackgroundResponse, type ResponsesResource } from './background-response.js'
import { type ChunkLimits, checkChunkLimits } from './chunk-limits.js'
import { modelSource } from './model-source.js'
import { type BodyOf, checkCall } from './request-options.js'
import { type ResponseEvent, responseReader } from './response-events.js'

/** What is needed of an `OpenAI` client; `retrieve` and `cancel` for background responses only. */
export interface OpenAIResponsesClient {
  readonly responses: { create(body: never, options: never): unknown }
}

/** The parameters of a request, as the client declares them, without what the adapter sets. */
export type OpenAIResponsesParams<Client extends OpenAIResponsesClient> = Omit<
  BodyOf<Client['responses']['create']>,
  'input' | 'stream'
>

/**
 * A model behind OpenAI's Responses. A prompt without `system` leaves the `instructions` of the parameters.
 *
 * With `background: true` the response runs on at OpenAI's whatever happens to the connection. So a broken stream is taken up again
 * where it was, and a source that is closed early cancels the response there; what the response says afterwards is ignored.
 *
 * @throws {InvalidOptionsError} when an argument is wrong
 */
export function fromOpenAIResponses<Client extends OpenAIResponsesClient>(
  client: Client,
  params: OpenAIResponsesParams<Client>,
  limits?: ChunkLimits,
): LanguageModel {
  checkCall('fromOpenAIResponses', client, ['responses', 'create'], params)
  const isBackground = 'background' in params && params.background === true
  if (isBackground) {
    checkCall('fromOpenAIResponses', client, ['responses', 'retrieve'], params)
    checkCall('fromOpenAIResponses', client, ['responses', 'cancel'], params)
  }
  const checked = checkChunkLimits('fromOpenAIResponses', limits)
  const responses = client.responses as unknown as ResponsesResource
  return ({ system, prompt }, run) => {
    const body = { ...params, ...(system ? { instructions: system } : undefined), input: prompt, stream: true }
    if (!isBackground) {
      return modelSource<ResponseEvent>(run, checked, {
        open: (signal) => responses.create(body, { signal }),
        readItem: responseReader(),
      })
    }
    const response = new BackgroundResponse(responses, body, checked.clock)
    return modelSource<ResponseEvent>(run, checked, {
      open: (signal) => response.events(signal),
      readItem: responseReader(),
      beforeAbort: () => response.identified(),
      afterAbort: () => response.cancel(),
    })
  }
}
