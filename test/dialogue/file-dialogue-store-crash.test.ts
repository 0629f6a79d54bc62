import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createFileDialogueStore } from '../../src/dialogue/file-dialogue-store.js'
import { temporaryDirectory } from './support/temporary-directory.js'

const support = (name: string) => fileURLToPath(new URL(`./support/${name}`, import.meta.url))

/** A process that saves `line` as job `a` and stops for good at the step. */
function startSave(directory: string, step: string, line: string) {
  const args = ['--import', support('source-hooks.mjs'), support('save-until.ts'), directory, 'a', step, line]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const exited = once(child, 'close')
  const lines = createInterface({ input: child.stdout })
  return {
    steps: (async () => {
      const reached: string[] = []
      for await (const reachedStep of lines) {
        reached.push(reachedStep)
        if (reachedStep === step) break
      }
      return reached
    })(),
    async kill() {
      child.kill('SIGKILL')
      await exited
    },
    exited,
  }
}

const STEPS = [
  'file opened',
  'half written',
  'written',
  'file synced',
  'file closed',
  'before rename',
  'renamed',
  'directory synced',
  'saved',
]
const firstVisible = STEPS.indexOf('renamed')
const line = 'Où est le pont ? '.repeat(2_000)
const nodes = [{ id: 'START', line }]

async function killAt(step: string, directory: string) {
  const save = startSave(directory, step, line)
  expect((await save.steps).at(-1)).toBe(step)
  await save.kill()
}

describe('CVC-09: a process killed while it saves', () => {
  it.each(STEPS)('leaves the whole dialogue or none: %s', async (step) => {
    const directory = temporaryDirectory()
    await killAt(step, directory)
    const file = path.join(directory, 'a.json')
    if (STEPS.indexOf(step) >= firstVisible) expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(nodes)
    else expect(existsSync(file)).toBe(false)
    expect(readdirSync(directory).filter((name) => name.endsWith('.json') && name !== 'a.json')).toEqual([])
  })

  it.each(STEPS)('leaves the old dialogue or the new one: %s', async (step) => {
    const directory = temporaryDirectory()
    const { signal } = new AbortController()
    const old = [{ id: 'START', line: 'old' }]
    await createFileDialogueStore({ directory }).save(
      { title: 'old', nodes: old },
      { jobId: 'a', fencingToken: 1, signal },
    )
    await killAt(step, directory)
    const found = JSON.parse(readFileSync(path.join(directory, 'a.json'), 'utf8'))
    expect(found).toEqual(STEPS.indexOf(step) >= firstVisible ? nodes : old)
  })

  it.each(STEPS)('leaves nothing unfinished after the next start: %s', async (step) => {
    const directory = temporaryDirectory()
    await killAt(step, directory)
    const store = createFileDialogueStore({ directory })
    expect(readdirSync(directory).filter((name) => name !== 'a.json')).toEqual([])
    const { signal } = new AbortController()
    await store.save({ title: 'a', nodes: [{ id: 'START' }] }, { jobId: 'a', fencingToken: 2, signal })
    expect(readdirSync(directory)).toEqual(['a.json'])
  })
})

it('writes, syncs and closes the file before the rename, and syncs the directory after it', async () => {
  const save = startSave(temporaryDirectory(), 'none', line)
  expect(await save.steps).toEqual(STEPS)
  expect(await save.exited).toEqual([0, null])
})

it('leaves the unfinished file of a live process alone when another one starts', async () => {
  const directory = temporaryDirectory()
  const save = startSave(directory, 'half written', line)
  await save.steps
  createFileDialogueStore({ directory })
  expect(readdirSync(directory)).toHaveLength(1)
  await save.kill()
  createFileDialogueStore({ directory })
  expect(readdirSync(directory)).toEqual([])
})
