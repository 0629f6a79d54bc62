import type { GenerationSource, Producer } from 'generation-jobs'

/** What the producers work with; in production a model's stream and a database. */
export interface StoryParts {
  readonly model: () => GenerationSource
  readonly library: { save(story: string): Promise<void> }
}

/** Looks right: it streams, it checks the signal, it saves. Where is the fault? */
export function naiveStory({ model, library }: StoryParts): Producer<string> {
  return async (run) => {
    const { text } = await run.stream(model())
    if (run.signal.aborted) throw run.signal.reason
    await library.save(text)
    return text
  }
}

/** The same, and the save is the commit: from there on a cancel is too late, and says so. */
export function story({ model, library }: StoryParts): Producer<string> {
  return async (run) => {
    const { text } = await run.stream(model())
    await run.commit(() => library.save(text))
    return text
  }
}
