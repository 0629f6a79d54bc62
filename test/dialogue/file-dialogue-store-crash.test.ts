import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createFileDialogueStore } from '../../src/dialogue/file-dialogue-store.js'
import { temporaryDirectory } from './support/temporary-directory.js'

// Starting a process takes half a second on a machine at rest.
vi.setConfig({ testTimeout: 60_000 })

const hooks = fileURLToPath(new URL('./support/source-hooks.mjs', import.meta.url))
const saveUntil = fileURLToPath(new URL('./support/save-until.ts', import.meta.url))

/** A process that saves `line` as job `a` and stops for good at the step. */
function startSave(directory: string, step: string, line: string) {
  const args = ['--import', hooks, saveUntil, directory, 'a', step, line]
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

const { signal } = new AbortController()
const readNodes = (directory: string) => JSON.parse(readFileSync(path.join(directory, 'a.json'), 'utf8'))

async function killAt(step: string, directory: string) {
  const save = startSave(directory, step, line)
  expect((await save.steps).at(-1)).toBe(step)
  await save.kill()
}

describe('CVC-09: a process killed while it saves', () => {
  it.each(STEPS)('leaves the whole dialogue or none, and nothing unfinished after the next start: %s', async (step) => {
    const directory = temporaryDirectory()
    await killAt(step, directory)
    const visible = STEPS.indexOf(step) >= firstVisible
    expect(readdirSync(directory).filter((name) => name.endsWith('.json'))).toEqual(visible ? ['a.json'] : [])
    if (visible) expect(readNodes(directory)).toEqual(nodes)

    const store = createFileDialogueStore({ directory })
    expect(readdirSync(directory)).toEqual(visible ? ['a.json'] : [])
    await store.save({ title: 'next', nodes: [{ id: 'START' }] }, { jobId: 'a', fencingToken: 2, signal })
    expect(readdirSync(directory)).toEqual(['a.json'])
    expect(readNodes(directory)).toEqual([{ id: 'START' }])
  })

  it.each(STEPS)('leaves the old dialogue or the new one: %s', async (step) => {
    const directory = temporaryDirectory()
    const old = { title: 'old', nodes: [{ id: 'START', line: 'old' }] }
    await createFileDialogueStore({ directory }).save(old, { jobId: 'a', fencingToken: 1, signal })
    await killAt(step, directory)
    expect(readNodes(directory)).toEqual(STEPS.indexOf(step) >= firstVisible ? nodes : old.nodes)
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
