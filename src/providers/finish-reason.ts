import type { FinishReason } from '../core/generation-source.js'

/** Every provider's words, in lower case. */
const FINISH_REASONS: Record<string, FinishReason> = {
  stop: 'stop',
  end_turn: 'stop',
  stop_sequence: 'stop',
  length: 'length',
  max_tokens: 'length',
  max_output_tokens: 'length',
  model_context_window_exceeded: 'length',
  content_filter: 'content-filter',
  'content-filter': 'content-filter',
  refusal: 'content-filter',
  safety: 'content-filter',
  recitation: 'content-filter',
  tool_calls: 'tool-calls',
  'tool-calls': 'tool-calls',
  tool_use: 'tool-calls',
  function_call: 'tool-calls',
}

/** A provider's finish reason as ours. One that we do not know may mean anything, so its text does not pass as whole. */
export function finishReasonOf(reason: string): FinishReason {
  return FINISH_REASONS[reason.toLowerCase()] ?? 'error'
}
