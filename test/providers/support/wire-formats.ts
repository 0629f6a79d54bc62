/** How a generation ends, in our words. */
export type WireFinish = 'stop' | 'length' | 'content-filter' | 'tool-calls'

/** One provider's stream of events, as it goes over the wire. */
export interface WireFormat {
  /** What comes before the first text. */
  start(): string[]
  text(content: string): string
  /** Finish reason, usage and the end mark. */
  end(finish: WireFinish, usage: boolean): string[]
  error(): string
  malformed(): string
}

export const INPUT_TOKENS = 7
export const OUTPUT_TOKENS = 3
/** Stands in every answer that says no, and must not get out of the SDK's own error. */
export const SECRET = 'sk-secret-in-the-body'

export const chatCompletions: WireFormat = {
  start: () => [chat({ role: 'assistant', content: '' })],
  text: (content) => chat({ content }),
  end: (finish, usage) => [
    chat({}, CHAT_FINISH[finish]),
    ...(usage ? [data({ ...CHAT, choices: [], usage: chatUsage })] : []),
    'data: [DONE]\n\n',
  ],
  error: () => data({ error: { message: SECRET, type: 'server_error', code: 'server_error' } }),
  malformed: () => `data: {"choices":[{"delta":{"content":"${SECRET}\n\n`,
}

/** Numbers its events, so one is needed for each response. */
export function responses(id: string): WireFormat {
  let sequence = 0
  const event = (type: string, fields: object): string => named(type, { type, sequence_number: sequence++, ...fields })
  const item = { item_id: 'msg_1', output_index: 0, content_index: 0 }
  const response = (status: string, fields: object = {}) => ({ id, object: 'response', status, output: [], ...fields })
  return {
    start: () => [
      event('response.created', { response: response('in_progress') }),
      event('response.in_progress', { response: response('in_progress') }),
      event('response.output_item.added', { output_index: 0, item: { id: 'msg_1', type: 'message' } }),
    ],
    text: (delta) => event('response.output_text.delta', { ...item, delta, logprobs: [] }),
    end: (finish, usage) => {
      const counts = usage ? { usage: responseUsage } : {}
      if (finish === 'stop') return [event('response.completed', { response: response('completed', counts) })]
      if (finish === 'tool-calls') {
        return [
          event('response.output_item.done', { output_index: 1, item: { id: 'fc_1', type: 'function_call' } }),
          event('response.completed', { response: response('completed', counts) }),
        ]
      }
      const incomplete_details = { reason: finish === 'length' ? 'max_output_tokens' : 'content_filter' }
      const fields = { incomplete_details, ...counts }
      return [event('response.incomplete', { response: response('incomplete', fields) })]
    },
    error: () => {
      const error = { code: 'server_error', message: SECRET }
      return event('response.failed', { response: response('failed', { error }) })
    },
    malformed: () => `event: response.output_text.delta\ndata: {"type":"${SECRET}\n\n`,
  }
}

export const messages: WireFormat = {
  start: () => [
    named('message_start', {
      type: 'message_start',
      message: { id: 'msg_1', type: 'message', role: 'assistant', content: [], usage: messageUsage },
    }),
    named('content_block_start', { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }),
    named('ping', { type: 'ping' }),
  ],
  text: (text) =>
    named('content_block_delta', { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } }),
  end: (finish, usage) => [
    named('content_block_stop', { type: 'content_block_stop', index: 0 }),
    named('message_delta', {
      type: 'message_delta',
      delta: { stop_reason: MESSAGE_FINISH[finish], stop_sequence: null },
      ...(usage ? { usage: { output_tokens: OUTPUT_TOKENS } } : {}),
    }),
    named('message_stop', { type: 'message_stop' }),
  ],
  error: () => named('error', { type: 'error', error: { type: 'overloaded_error', message: SECRET } }),
  malformed: () => `event: content_block_delta\ndata: {"type":"${SECRET}\n\n`,
}

const CHAT = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'fake' }
const CHAT_FINISH = { stop: 'stop', length: 'length', 'content-filter': 'content_filter', 'tool-calls': 'tool_calls' }
const MESSAGE_FINISH = { stop: 'end_turn', length: 'max_tokens', 'content-filter': 'refusal', 'tool-calls': 'tool_use' }

const chatUsage = { prompt_tokens: INPUT_TOKENS, completion_tokens: OUTPUT_TOKENS, total_tokens: 10 }
const responseUsage = { input_tokens: INPUT_TOKENS, output_tokens: OUTPUT_TOKENS, total_tokens: 10 }
const messageUsage = { input_tokens: INPUT_TOKENS, output_tokens: 1 }

function chat(delta: object, finish_reason: string | null = null): string {
  return data({ ...CHAT, choices: [{ index: 0, delta, finish_reason }] })
}

function data(value: object): string {
  return `data: ${JSON.stringify(value)}\n\n`
}

function named(event: string, value: object): string {
  return `event: ${event}\n${data(value)}`
}
