import { setTimeout as wait } from 'node:timers/promises'
import type { Producer } from 'generation-jobs'

/** The queue's name: the same for those who order and those who work. */
export const QUEUE = 'stories'

/** What goes through the queue: JSON. */
export interface Story {
  readonly title: string
  readonly words: number
}

/** Stands for a model: a word every 20 ms. */
async function* model({ words }: Story, signal: AbortSignal): AsyncGenerator<string> {
  for (let word = 1; word <= words; word += 1) {
    await wait(20, undefined, { signal })
    yield `word-${word} `
  }
}

/** A job is made of what was ordered, where a worker runs it. */
export function tellStory(story: Story): Producer<string> {
  return async (run) => {
    const { text } = await run.stream(model(story, run.signal))
    return `${text.trim().split(' ').length} words`
  }
}
