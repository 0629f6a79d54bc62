import { setTimeout as wait } from 'node:timers/promises'

const WORDS = 'and then the river rose and nobody in the valley had a boat '.split(/(?<= )/)

/** Stands for a model that talks for half a minute: a word every 30 ms. */
export async function* tellStory(about: string, signal: AbortSignal) {
  yield `This is the story of ${about}: `
  for (let count = 0; count < 1_000; count += 1) {
    await wait(30, undefined, { signal })
    yield WORDS[count % WORDS.length] ?? ''
  }
}
