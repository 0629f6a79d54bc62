// What the snippets of the README take for granted: a manager, a model and a database. Copied beside each snippet.
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
