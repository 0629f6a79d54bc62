import { finishReasonOf } from './finish-reason.js'
import type { Reading, TokenCounts } from './model-output.js'
import { toProviderError } from './provider-failure.js'

/** What is read of one event of a response's stream. */
export interface ResponseEvent {
  readonly type: string
  readonly sequence_number?: number
  readonly delta?: unknown
  readonly item?: { readonly type?: string }
  readonly response?: ResponseState
  readonly code?: string | null
}

interface ResponseState {
  readonly id?: string
  readonly error?: { readonly code?: string } | null
  readonly incomplete_details?: { readonly reason?: string } | null
  readonly usage?: { readonly input_tokens?: number; readonly output_tokens?: number } | null
}

const TERMINAL = ['response.completed', 'response.incomplete', 'response.failed', 'response.cancelled']

/** Whether the response is over at the provider's; an `error` is one of the stream. */
export function isTerminal({ type }: ResponseEvent): boolean {
  return TERMINAL.includes(type)
}

/** Reads the events of one response. */
export function responseReader(): (event: ResponseEvent) => Reading | undefined {
  let isRefused = false
  let hasToolCalls = false
  return (event) => {
    const { type, delta, item, response } = event
    switch (type) {
      case 'response.output_text.delta':
        return { text: typeof delta === 'string' ? delta : undefined }
      case 'response.refusal.delta':
        isRefused = true
        return undefined
      case 'response.output_item.done':
        hasToolCalls ||= item?.type === 'function_call' || item?.type === 'custom_tool_call'
        return undefined
      case 'response.completed':
        return {
          finish: isRefused ? 'content-filter' : hasToolCalls ? 'tool-calls' : 'stop',
          usage: countsOf(response),
        }
      case 'response.incomplete':
        return { finish: finishReasonOf(response?.incomplete_details?.reason ?? ''), usage: countsOf(response) }
      case 'response.failed':
      case 'response.cancelled':
        throw toProviderError(response?.error)
      case 'error':
        throw toProviderError(event)
      default:
        return undefined
    }
  }
}

function countsOf(response: ResponseState | undefined): TokenCounts | undefined {
  const { usage } = response ?? {}
  return usage ? { inputTokens: usage.input_tokens, outputTokens: usage.output_tokens } : undefined
}
