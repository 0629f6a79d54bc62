import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { findBrownCorpus } from '../../examples/generate-dialogue/local-model/brown-corpus.ts'
import {
  NAME,
  NAMES,
  parseBrownText,
  type Sentence,
} from '../../examples/generate-dialogue/local-model/brown-sentence.ts'
import { type DialogueGrammar, decodeDialogue } from '../../examples/generate-dialogue/local-model/dialogue-decoder.ts'
import { createLocalModel } from '../../examples/generate-dialogue/local-model/local-model.ts'
import {
  findContext,
  type NgramTable,
  START,
  trainNgramTable,
  wordAfter,
} from '../../examples/generate-dialogue/local-model/ngram-table.ts'
import { createRandom } from '../../examples/generate-dialogue/local-model/random.ts'
import { createSentenceWriter } from '../../examples/generate-dialogue/local-model/sentence-writer.ts'
import { createTableCache } from '../../examples/generate-dialogue/local-model/table-cache.ts'
import { unityDialogueSchema } from '../../src/dialogue/unity-dialogue-schema.js'
import { temporaryDirectory } from '../dialogue/support/temporary-directory.js'

const { signal } = new AbortController()
const train = (sentences: readonly Sentence[]) => trainNgramTable(iterate(sentences), { signal })

async function* iterate<T>(items: readonly T[]) {
  yield* items
}

/** Six texts of the corpus: enough to write with, quick to train. */
let table: NgramTable
beforeAll(async () => {
  const { directory } = await findBrownCorpus()
  const texts = ['ck01', 'cl02', 'cm01', 'cn03', 'cp05', 'ca01']
  const sentences = texts.flatMap((name) => [
    ...parseBrownText(readFileSync(path.join(directory, name), 'latin1'), !name.startsWith('ca')),
  ])
  table = await train(sentences)
})

describe('a tagged text', () => {
  const parse = (text: string) => [...parseBrownText(text, true)].map(({ kind, words }) => [kind, words.join(' ')])

  it('is told apart into speech and narration', () => {
    const text = "``/`` Come/vb in/rp ,/, ''/'' said/vbd Ann/np Turner/np ./.\nHe/pps came/vbd ./."
    expect(parse(text)).toEqual([
      ['speech', 'come in ,'],
      ['narration', `said ${NAME} .`],
      ['narration', 'he came .'],
    ])
  })

  it('keeps a speech that goes on over several lines, and ends it with its paragraph', () => {
    const text = '``/`` Come/vb in/rp ./.\nSit/vb down/rp ./.\n\nHe/pps sat/vbd ./.'
    expect(parse(text).map(([kind]) => kind)).toEqual(['speech', 'speech', 'narration'])
  })

  it('has headings, possessive names and doubled marks', () => {
    expect(parse('The/at-hl Lost/vbn-hl Letter/nn-hl')).toEqual([['heading', 'the Lost Letter']])
    expect(parse("Is/bez it/pps Ann's/np$ ?/. ?/.")).toEqual([['narration', `is it ${NAMES} ?`]])
  })

  it('leaves out what cannot be said', () => {
    expect(parse('The/at formula/nn (/( A/nn )/) ./.')).toEqual([])
    expect(parse('')).toEqual([])
  })
})

describe('the table', () => {
  it('finds every place of every context, as a search by hand does', async () => {
    const sentence = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(fc.array(sentence, { maxLength: 12 }), async (lines) => {
        const trained = await train(lines.map((words) => ({ kind: 'narration', words, nouns: [] })))
        const tokens = [...trained.tokens]
        const ids = tokens.filter((_, index) => index < trained.positions.length)
        for (const [start] of ids.entries()) {
          for (const length of [1, 2, 3]) {
            const context = tokens.slice(start, start + length)
            const followers = ids.flatMap((_, at) =>
              context.every((word, offset) => tokens[at + offset] === word) ? [tokens[at + length]] : [],
            )
            const range = findContext(trained, context)
            const found = []
            for (let place = range.start; place < range.end; place += 1) found.push(wordAfter(trained, place, length))
            expect(found).toEqual(followers.sort((a = 0, b = 0) => a - b))
          }
        }
      }),
      { numRuns: 50 },
    )
  })

  it('finds nothing for what it has never seen', () => {
    const { start, end } = findContext(table, [START.heading, START.heading])
    expect(end - start).toBe(0)
  })

  it('stops training once the signal is aborted', async () => {
    const aborted = AbortSignal.abort(new Error('stop'))
    await expect(trainNgramTable(iterate([]), { signal: aborted })).rejects.toThrow('stop')
  })

  it('counts speech more than narration', async () => {
    const words = ['yes', '.']
    const trained = await train([
      { kind: 'speech', words, nouns: [] },
      { kind: 'narration', words, nouns: [] },
    ])
    const count = ({ start, end }: { start: number; end: number }) => end - start
    expect(count(findContext(trained, [START.speech]))).toBe(3 * count(findContext(trained, [START.narration])))
  })
})

const grammars: fc.Arbitrary<DialogueGrammar> = fc
  .record({
    speaker: fc.option(fc.constantFrom('Mira', 'Old "Tom"\n', 'Zoé 🌉'), { nil: undefined }),
    names: fc.uniqueArray(fc.constantFrom('Mira', 'Old "Tom"\n', 'Zoé 🌉')),
    min: fc.nat(3),
    more: fc.nat(3),
  })
  .map(({ speaker, names, min, more }) => ({ speaker, names, choices: { min, max: min + more } }))

describe('the decoder', () => {
  const decode = (grammar: DialogueGrammar, seed: string, topic = 'the lost letter') => {
    const random = createRandom(seed)
    return [...decodeDialogue(createSentenceWriter(table, { topic, random }), grammar, random)]
  }

  it('writes nothing but dialogues that fit the schema and the grammar', () => {
    fc.assert(
      fc.property(grammars, fc.string(), fc.string(), (grammar, seed, topic) => {
        const { node, title } = unityDialogueSchema.parse(JSON.parse(decode(grammar, seed, topic).join('')))
        expect(title).not.toBe('')
        expect(node.speaker ?? undefined).toBe(grammar.speaker)
        expect(node.line).toMatch(/^\S[\s\S]*[.?!]$/)
        const count = node.choices?.length ?? 0
        expect(count).toBeGreaterThanOrEqual(grammar.choices.min)
        expect(count).toBeLessThanOrEqual(grammar.choices.max)
        for (const { text } of node.choices ?? []) expect(text).toMatch(/^\S.*[.?!]$/s)
      }),
      { numRuns: 60 },
    )
  })

  it('writes many small tokens', () => {
    const tokens = decode({ speaker: 'Mira', names: ['Mira'], choices: { min: 2, max: 4 } }, '1')
    expect(tokens.length).toBeGreaterThan(50)
    for (const token of tokens) expect(token.length).toBeLessThan(30)
  })

  it('writes the same for the same seed, and something else for another', () => {
    const grammar = { speaker: 'Mira', names: ['Mira', 'Tom'], choices: { min: 2, max: 4 } }
    expect(decode(grammar, 'a')).toEqual(decode(grammar, 'a'))
    expect(decode(grammar, 'a')).not.toEqual(decode(grammar, 'b'))
  })

  it('writes about the topic', () => {
    const grammar = { speaker: 'Mira', names: [], choices: { min: 4, max: 4 } }
    const mentions = (topic: string) =>
      Array.from({ length: 10 }, (_, seed) => decode(grammar, `${seed}`, topic).join(''))
        .join(' ')
        .split('lighthouse').length
    expect(mentions('The lighthouse has burned.')).toBeGreaterThan(mentions('') + 5)
  })
})

describe('the cache', () => {
  const fileOf = (directory: string) => path.join(directory, 'brown.ngrams')

  it('gives back the table it was given', async () => {
    const cache = createTableCache(path.join(temporaryDirectory(), 'deep'), '1')
    expect(await cache.read()).toBeUndefined()
    await cache.write(table)
    expect(await cache.read()).toEqual(table)
  })

  it.each([
    ['cut', (stored: Buffer) => stored.subarray(0, stored.length / 2)],
    ['empty', () => Buffer.alloc(0)],
    ['damaged', (stored: Buffer) => stored.fill(7, stored.length - 3)],
    ['something else', () => Buffer.from('{}\nhello')],
  ])('does not take a file that is %s', async (_what, damage) => {
    const directory = temporaryDirectory()
    const cache = createTableCache(directory, '1')
    await cache.write(table)
    writeFileSync(fileOf(directory), damage(readFileSync(fileOf(directory))))
    expect(await cache.read()).toBeUndefined()
  })

  it('does not take the table of another corpus', async () => {
    const directory = temporaryDirectory()
    await createTableCache(directory, '1').write(table)
    expect(await createTableCache(directory, '2').read()).toBeUndefined()
  })

  it('does without when it cannot be written', async () => {
    const file = path.join(temporaryDirectory(), 'file')
    writeFileSync(file, '')
    const cache = createTableCache(file, '1')
    await cache.write(table)
    expect(await cache.read()).toBeUndefined()
  })
})

describe('the local model', () => {
  const options = {
    loadTable: async () => table,
    grammar: { speaker: 'Mira', names: ['Mira'], choices: { min: 2, max: 2 } },
    seed: '1',
    tokensPerTick: Number.POSITIVE_INFINITY,
  }

  it('ends with a complete finish reason and the tokens it has written', async () => {
    const chunks = []
    const source = await createLocalModel(options)({ prompt: 'the lost letter' }, { signal, jobId: 'a' })
    for await (const chunk of source as AsyncIterable<{ text?: string }>) chunks.push(chunk)
    const texts = chunks.flatMap(({ text }) => text ?? [])
    unityDialogueSchema.parse(JSON.parse(texts.join('')))
    expect(chunks.at(-1)).toEqual({
      finish: 'stop',
      usage: { inputTokens: 3, outputTokens: texts.length, quality: 'reported' },
    })
  })

  it('stops while it waits for the next token', async () => {
    const controller = new AbortController()
    const source = await createLocalModel({ ...options, tokensPerTick: 0.000_001 })(
      { prompt: '' },
      { signal: controller.signal, jobId: 'a' },
    )
    const iterator = (source as AsyncIterable<unknown>)[Symbol.asyncIterator]()
    const next = iterator.next()
    controller.abort()
    await expect(next).rejects.toThrow(/abort/i)
  })

  it('loads nothing before the first chunk is wanted', async () => {
    let loaded = 0
    const loadTable = async () => {
      loaded += 1
      return table
    }
    await createLocalModel({ ...options, loadTable })({ prompt: '' }, { signal, jobId: 'a' })
    expect(loaded).toBe(0)
  })
})
