import type { FinishReason, GenerationSource, LanguageModel, ModelChunk, Usage } from 'generation-jobs'

/** Everything a source said, and how it ended. */
export interface SourceReading {
  readonly chunks: readonly ModelChunk[]
  readonly text: string
  readonly finish: FinishReason | undefined
  /** The last one. */
  readonly usage: Usage | undefined
  readonly metadata: readonly object[]
  readonly error: unknown
}

export const PROMPT = { system: 'Answer in French.', prompt: 'a prompt' }

/** What every source of ours can do. */
export type OpenedSource = AsyncIterable<ModelChunk> &
  Required<Pick<AsyncIterator<ModelChunk, undefined>, 'next' | 'return'>> & {
    return(): Promise<IteratorResult<ModelChunk, undefined>>
    abort(reason: unknown): void
  }

/** The source of one call, as an iterator. */
export async function openSource(
  model: LanguageModel,
  signal: AbortSignal = new AbortController().signal,
): Promise<OpenedSource> {
  return (await model(PROMPT, { signal, jobId: 'job-1' })) as OpenedSource
}

/** Reads a source to its end, and its error as a value. */
export async function readSource(source: GenerationSource): Promise<SourceReading> {
  const chunks: ModelChunk[] = []
  let error: unknown
  try {
    for await (const chunk of source as AsyncIterable<ModelChunk | string>) {
      chunks.push(typeof chunk === 'string' ? { text: chunk } : chunk)
    }
  } catch (thrown) {
    error = thrown
  }
  return {
    chunks,
    text: chunks.map(({ text }) => text ?? '').join(''),
    finish: chunks.findLast(({ finish }) => finish)?.finish ?? undefined,
    usage: chunks.findLast(({ usage }) => usage)?.usage,
    metadata: chunks.flatMap(({ metadata }) => metadata ?? []),
    error,
  }
}

export async function readModel(model: LanguageModel): Promise<SourceReading> {
  return readSource(await openSource(model))
}

/** Reads until the text so far has this many characters. */
export async function readText(source: AsyncIterator<ModelChunk>, length: number): Promise<string> {
  let text = ''
  while (text.length < length) {
    const { done, value } = await source.next()
    if (done) throw new Error(`the source ended after '${text}'`)
    text += value.text ?? ''
  }
  return text
}
