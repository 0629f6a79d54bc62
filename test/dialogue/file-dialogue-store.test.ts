import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CommitError, InvalidOptionsError } from '../../src/core/errors.js'
import { createFileDialogueStore } from '../../src/dialogue/file-dialogue-store.js'
import { temporaryDirectory } from './support/temporary-directory.js'

const { signal } = new AbortController()
const fence = (jobId: string, fencingToken = 1) => ({ jobId, fencingToken, signal })
const dialogue = (line: string) => ({ title: 'Le pont', nodes: [{ id: 'START', line }] })
const read = (directory: string, jobId: string) =>
  JSON.parse(readFileSync(path.join(directory, `${jobId}.json`), 'utf8'))

describe('a saved dialogue', () => {
  it('is the array of nodes, indented by two spaces, in UTF-8', async () => {
    const directory = temporaryDirectory()
    const nodes = [{ id: 'START', line: 'Où est le pont ?', choices: [{ text: 'Là-bas 🌉', targetNode: 'END' }] }]
    await createFileDialogueStore({ directory }).save({ title: 'Le pont', nodes }, fence('a'))
    expect(readFileSync(path.join(directory, 'a.json'), 'utf8')).toBe(JSON.stringify(nodes, null, 2))
    expect(readdirSync(directory)).toEqual(['a.json'])
  })

  it('goes into a directory that is made when it is missing', async () => {
    const directory = path.join(temporaryDirectory(), 'deep', 'deeper')
    await createFileDialogueStore({ directory }).save(dialogue('x'), fence('a'))
    expect(read(directory, 'a')).toEqual(dialogue('x').nodes)
  })

  it('replaces an older one of the same job', async () => {
    const directory = temporaryDirectory()
    const store = createFileDialogueStore({ directory })
    await store.save(dialogue('long and old'), fence('a'))
    await store.save(dialogue('new'), fence('a'))
    expect(read(directory, 'a')).toEqual(dialogue('new').nodes)
  })

  it('stays where the store was created when the process changes its directory', async () => {
    const directory = temporaryDirectory()
    const store = createFileDialogueStore({ directory: path.relative(process.cwd(), directory) })
    await store.save(dialogue('x'), fence('a'))
    expect(readdirSync(directory)).toEqual(['a.json'])
  })
})

describe('saves at the same time', () => {
  it('of many jobs are all there, whole', async () => {
    const directory = temporaryDirectory()
    const store = createFileDialogueStore({ directory })
    const lines = Array.from({ length: 40 }, (_, index) => `${index}`.repeat(5_000))
    await Promise.all(lines.map((line, index) => store.save(dialogue(line), fence(`job-${index}`))))
    expect(readdirSync(directory)).toHaveLength(40)
    for (const [index, line] of lines.entries()) expect(read(directory, `job-${index}`)[0].line).toBe(line)
  })

  it('of one job leave one of them, whole', async () => {
    const directory = temporaryDirectory()
    const store = createFileDialogueStore({ directory })
    const lines = Array.from({ length: 20 }, (_, index) => `${index}`.repeat(5_000))
    await Promise.all(lines.map((line) => store.save(dialogue(line), fence('a'))))
    expect(readdirSync(directory)).toEqual(['a.json'])
    expect(lines).toContain(read(directory, 'a')[0].line)
  })
})

describe('the fence', () => {
  it('refuses a save whose signal is aborted, with the reason, and leaves nothing', async () => {
    const directory = temporaryDirectory()
    const reason = new Error('lease lost')
    const saving = createFileDialogueStore({ directory }).save(dialogue('x'), {
      ...fence('a'),
      signal: AbortSignal.abort(reason),
    })
    await expect(saving).rejects.toBe(reason)
    expect(readdirSync(directory)).toEqual([])
  })

  it('is looked at again before the rename: an abort during the write leaves the old file and nothing else', async () => {
    const directory = temporaryDirectory()
    const store = createFileDialogueStore({ directory })
    await store.save(dialogue('old'), fence('a'))
    const controller = new AbortController()
    const saving = store.save(dialogue('new'), { ...fence('a'), signal: controller.signal })
    controller.abort(new Error('too late'))
    await expect(saving).rejects.toThrow('too late')
    expect(readdirSync(directory)).toEqual(['a.json'])
    expect(read(directory, 'a')).toEqual(dialogue('old').nodes)
  })

  it('never lets an older fencing token replace a newer one', async () => {
    const directory = temporaryDirectory()
    const store = createFileDialogueStore({ directory })
    await store.save(dialogue('newer'), fence('a', 7))
    await expect(store.save(dialogue('older'), fence('a', 6))).rejects.toThrow(CommitError)
    await store.save(dialogue('another job'), fence('b', 1))
    expect(read(directory, 'a')).toEqual(dialogue('newer').nodes)
  })

  it('lets the newest of saves at the same time win, whatever their order', async () => {
    const directory = temporaryDirectory()
    const store = createFileDialogueStore({ directory })
    const tokens = [3, 9, 1, 5, 9, 2, 8, 4]
    await Promise.allSettled(tokens.map((token) => store.save(dialogue(`${token}`), fence('a', token))))
    expect(read(directory, 'a')).toEqual(dialogue('9').nodes)
    expect(readdirSync(directory)).toEqual(['a.json'])
  })
})

describe('a save that fails', () => {
  it('leaves no temporary file and does not count as the newest', async () => {
    const directory = temporaryDirectory()
    const store = createFileDialogueStore({ directory })
    mkdirSync(path.join(directory, 'a.json', 'in the way'), { recursive: true })
    await expect(store.save(dialogue('x'), fence('a', 9))).rejects.toThrow()
    expect(readdirSync(directory)).toEqual(['a.json'])
    await expect(store.save(dialogue('x'), fence('a', 1))).rejects.not.toThrow(CommitError)
  })

  it('fails when the directory is a file', async () => {
    const file = path.join(temporaryDirectory(), 'file')
    writeFileSync(file, '')
    await expect(createFileDialogueStore({ directory: file }).save(dialogue('x'), fence('a'))).rejects.toThrow()
  })
})

describe('a job id', () => {
  it.each([
    '',
    '.',
    '..',
    '../escaped',
    '../../escaped',
    'a/b',
    '/tmp/escaped',
    'a\\b',
    '..\\escaped',
    'a\0b',
    'a\nb',
    '.hidden',
    '\ud800',
    'x'.repeat(251),
    'é'.repeat(126),
  ])('that cannot be a file name of its own is refused: %j', async (jobId) => {
    const parent = temporaryDirectory()
    const directory = path.join(parent, 'dialogues')
    const saving = createFileDialogueStore({ directory }).save(dialogue('x'), fence(jobId))
    await expect(saving).rejects.toThrow(InvalidOptionsError)
    expect(readdirSync(parent)).toEqual([])
  })

  it.each(['a b', 'conversation-42', 'Génération n°1', 'x'.repeat(250), 'a.b', '%2e%2e%2f'])(
    'that is unusual and harmless is taken: %j',
    async (jobId) => {
      const directory = temporaryDirectory()
      await createFileDialogueStore({ directory }).save(dialogue('x'), fence(jobId))
      expect(readdirSync(directory)).toEqual([`${jobId}.json`])
    },
  )

  it('of any kind gives one file inside the directory or is refused', async () => {
    const parent = temporaryDirectory()
    const directory = path.join(parent, 'dialogues')
    mkdirSync(directory)
    const store = createFileDialogueStore({ directory })
    const jobIds = fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.stringMatching(/^[./\\a]{0,6}$/))
    await fc.assert(
      fc.asyncProperty(jobIds, async (jobId) => {
        const before = readdirSync(directory).length
        const known = existsSync(path.join(directory, `${jobId}.json`))
        const saved = await store.save(dialogue('x'), fence(jobId)).then(
          () => true,
          (error) => {
            expect(error).toBeInstanceOf(InvalidOptionsError)
            return false
          },
        )
        expect(readdirSync(directory)).toHaveLength(before + (saved && !known ? 1 : 0))
        expect(readdirSync(parent)).toEqual(['dialogues'])
      }),
    )
  })
})

describe('createFileDialogueStore', () => {
  it.each([undefined, {}, { directory: '' }, { directory: 3 }, { directory: 'a', mode: 'x' }])(
    'refuses the options %j',
    (options) => {
      expect(() => createFileDialogueStore(options as { directory: string })).toThrow(InvalidOptionsError)
    },
  )

  it('does not touch other files in the directory', () => {
    const directory = temporaryDirectory()
    const others = ['notes.tmp', 'old.json', '.dialogue-notes.tmp']
    for (const name of others) writeFileSync(path.join(directory, name), '')
    createFileDialogueStore({ directory })
    expect(readdirSync(directory).sort()).toEqual([...others].sort())
  })
})
