// What the snippets of the README take for granted: a manager, a model, a database and clients of two SDKs. Copied beside each snippet.
import { setTimeout as wait } from 'node:timers/promises'
import { GenerationJobManager } from 'generation-jobs'

export const manager = new GenerationJobManager({ locale: 'en' })

const WORDS = ['Once ', 'upon ', 'a ', 'time.']
/** Does not end before its snippet has cancelled it. */
const LONG = Array.from({ length: 2_000 }, (_, index) => `word ${index} `)
/** Fits every snippet that asks for JSON. */
const ANSWER = {
  title: 'The ferry',
  text: 'It sailed.',
  node: { speaker: 'Mira', line: 'The bridge is gone.' },
}

/** A word every 5 ms; a long story or JSON for whoever asks for it. */
export async function* model(prompt: string, signal: AbortSignal): AsyncGenerator<string> {
  for (const word of wordsOf(prompt)) {
    await wait(5, undefined, { signal })
    yield word
  }
}

function wordsOf(prompt: string): readonly string[] {
  if (prompt.includes('JSON')) return JSON.stringify(ANSWER).split(/(?<=[ ,])/)
  return prompt.includes('long') ? LONG : WORDS
}

export const database = {
  async save(id: string, value: object, options: { signal: AbortSignal }): Promise<void> {
    await wait(1, [id, value], options)
  },
  async connect() {
    return {
      async insert(id: string, text: string, { signal }: { signal: AbortSignal }): Promise<string> {
        return await wait(1, `${id}: ${text.length} characters`, { signal })
      },
      release() {},
    }
  },
}

interface ChatChunk {
  choices: { delta: { content?: string }; finish_reason: string | null }[]
  usage?: { prompt_tokens: number; completion_tokens: number }
}

/** Of the OpenAI SDK only what an adapter calls; it is overloaded, so that the fallback has something to do. */
export const openai = {
  chat: {
    completions: {
      create(body: { model: string; messages: object[]; stream: true }, _options: object): AsyncIterable<ChatChunk> {
        throw Object.assign(new Error(`overloaded: ${body.model}`), { status: 529 })
      },
    },
  },
}

type MessageEvent =
  | { type: 'message_start'; message: { usage: { input_tokens: number; output_tokens: number } } }
  | { type: 'content_block_delta'; index: number; delta: { type: 'text_delta'; text: string } }
  | { type: 'message_delta'; delta: { stop_reason: string }; usage: { output_tokens: number } }
  | { type: 'message_stop' }

/** Likewise of the Anthropic SDK. */
export const anthropic = {
  messages: {
    async *create(
      body: { model: string; max_tokens: number; messages: object[]; stream: true; system?: string },
      { signal }: { signal: AbortSignal },
    ): AsyncGenerator<MessageEvent> {
      yield { type: 'message_start', message: { usage: { input_tokens: body.messages.length, output_tokens: 0 } } }
      for (const word of WORDS) {
        await wait(1, undefined, { signal })
        yield { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: word } }
      }
      yield { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: WORDS.length } }
      yield { type: 'message_stop' }
    },
  },
}
