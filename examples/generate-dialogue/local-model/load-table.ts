import path from 'node:path'
import { findBrownCorpus, readBrownCorpus } from './brown-corpus.ts'
import { type NgramTable, trainNgramTable } from './ngram-table.ts'
import { createTableCache } from './table-cache.ts'

/** How far the training is; `share` goes from 0 to 1 over the whole of it. */
export type TrainingListener = (share: number) => void

/** Reading takes most of the time, sorting the rest. */
const READING_SHARE = 0.8

/**
 * The trained table: from the cache, or trained now and put there.
 * @param options.cacheDirectory default: `.cache` beside the corpus, in `node_modules`.
 * @throws the signal's reason once it is aborted.
 */
export async function loadTable(options: {
  cacheDirectory?: string | undefined
  signal: AbortSignal
  onTraining: TrainingListener
}): Promise<NgramTable> {
  const { signal, onTraining } = options
  const corpus = await findBrownCorpus()
  const beside = path.join(path.dirname(corpus.directory), '.cache', 'generation-jobs')
  const cache = createTableCache(options.cacheDirectory ?? beside, corpus.version)
  const known = await cache.read()
  if (known !== undefined) return known
  onTraining(0)
  const sentences = readBrownCorpus(corpus, {
    signal,
    onProgress: (share) => onTraining(READING_SHARE * share),
  })
  const table = await trainNgramTable(sentences, {
    signal,
    onSorting: (share) => onTraining(READING_SHARE + (1 - READING_SHARE) * share),
  })
  await cache.write(table)
  return table
}
