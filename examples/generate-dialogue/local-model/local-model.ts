import type { LanguageModel, ModelChunk } from 'generation-jobs'
import { type DialogueGrammar, decodeDialogue } from './dialogue-decoder.ts'
import type { NgramTable } from './ngram-table.ts'
import { atPace } from './pace.ts'
import { createRandom } from './random.ts'
import { createSentenceWriter } from './sentence-writer.ts'

export interface LocalModelOptions {
  /** Called when the first chunk is wanted; training is part of the job and ends with it. */
  readonly loadTable: (signal: AbortSignal) => Promise<NgramTable>
  readonly grammar: DialogueGrammar
  /** The same seed, prompt and grammar give the same dialogue. */
  readonly seed: string
  /** Tokens in 10 ms. */
  readonly tokensPerTick: number
}

/**
 * A small language model in this process: word n-grams of the Brown corpus, drawn towards the words of the prompt, decoded
 * under a grammar, so that it can write nothing but a dialogue.
 */
export function createLocalModel(options: LocalModelOptions): LanguageModel {
  const { loadTable, grammar, seed, tokensPerTick } = options
  return async function* ({ prompt }, { signal }): AsyncGenerator<ModelChunk, void, void> {
    const table = await loadTable(signal)
    const random = createRandom(seed)
    const writer = createSentenceWriter(table, { topic: prompt, random })
    let outputTokens = 0
    for await (const text of atPace(decodeDialogue(writer, grammar, random), { tokensPerTick, signal })) {
      outputTokens += 1
      yield { text }
    }
    const inputTokens = prompt.split(/\s+/).filter(Boolean).length
    yield { finish: 'stop', usage: { inputTokens, outputTokens, quality: 'reported' } }
  }
}
