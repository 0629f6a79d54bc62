import { randomUUID } from 'node:crypto'
import { ReadableStream as WebStream } from 'node:stream/web'
import type { LanguageModel } from 'ai'
import { loadTable } from '../../generate-dialogue/local-model/load-table.ts'
import { atPace } from '../../generate-dialogue/local-model/pace.ts'
import { createRandom } from '../../generate-dialogue/local-model/random.ts'
import { createSentenceWriter, type SentenceWriter } from '../../generate-dialogue/local-model/sentence-writer.ts'

type AiSdkModel = Extract<LanguageModel, { specificationVersion: 'v4' }>
type Part = Awaited<ReturnType<AiSdkModel['doStream']>>['stream'] extends ReadableStream<infer P> ? P : never

const SENTENCES = 12
const TOKENS_PER_TICK = 0.25

/** The small model of `npm start` as a model of the AI SDK: no network, no key. Put your provider's model in its place. */
export const localChatModel: AiSdkModel = {
  specificationVersion: 'v4',
  provider: 'local',
  modelId: 'brown-ngrams',
  supportedUrls: {},
  doGenerate: () => Promise.reject(new Error('This model only streams.')),
  doStream: async ({ prompt, abortSignal: signal = new AbortController().signal }) => ({
    stream: WebStream.from(answer(JSON.stringify(prompt.at(-1)?.content ?? ''), signal)) as ReadableStream<Part>,
  }),
}

async function* answer(question: string, signal: AbortSignal): AsyncGenerator<Part, void, void> {
  const table = await loadTable({ signal, onTraining: () => {} })
  const writer = createSentenceWriter(table, { topic: question, random: createRandom(randomUUID()) })
  yield { type: 'stream-start', warnings: [] }
  yield { type: 'text-start', id: '0' }
  let tokens = 0
  for await (const delta of atPace(sentences(writer), { tokensPerTick: TOKENS_PER_TICK, signal })) {
    tokens += 1
    yield { type: 'text-delta', id: '0', delta }
  }
  yield { type: 'text-end', id: '0' }
  yield { type: 'finish', finishReason: { unified: 'stop', raw: 'stop' }, usage: usageOf(tokens) }
}

function* sentences(writer: SentenceWriter): Generator<string, void, void> {
  for (let index = 0; index < SENTENCES; index += 1) {
    if (index > 0) yield ' '
    yield* writer.write({ kind: 'speech', minWords: 5, maxWords: 22, names: [] })
  }
}

function usageOf(tokens: number) {
  return {
    inputTokens: { total: undefined, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
    outputTokens: { total: tokens, text: tokens, reasoning: undefined },
  }
}
