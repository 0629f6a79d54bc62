import { setTimeout as wait } from 'node:timers/promises'

/** Stands in for your model: a story, word by word. */
export async function* tellStory(about: string, signal: AbortSignal) {
  const story = `Once upon a time there was ${about}. It lived far away, it slept a lot, and nobody ever found out why.`
  for (const word of story.split(' ')) {
    await wait(10, undefined, { signal })
    yield `${word} `
  }
}

/** Stands in for your database. */
export const stories = new Map<string, string>()

export async function saveStory(id: string, text: string): Promise<void> {
  stories.set(id, text)
}
