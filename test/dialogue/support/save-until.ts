// Saves one dialogue and says each step it has reached. At the step in its arguments it stops for good, so that
// the test can kill it there.
import fs from 'node:fs'
import promises, { type FileHandle } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'

const [directory = '', jobId = '', stopAt = '', line = ''] = process.argv.slice(2)

function reach(step: string): void {
  fs.writeSync(1, `${step}\n`)
  if (step === stopAt) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}

const { open } = promises
const { renameSync } = fs

promises.open = async (path, flags, mode) => {
  const handle = await open(path, flags, mode)
  return flags === 'wx' ? watchFile(handle) : watchDirectory(handle)
}

fs.renameSync = (from, to) => {
  reach('before rename')
  renameSync(from, to)
  reach('renamed')
}

syncBuiltinESMExports()

function watchFile(handle: FileHandle): FileHandle {
  reach('file opened')
  const sync = handle.sync.bind(handle)
  const close = handle.close.bind(handle)
  handle.writeFile = async (data) => {
    const text = String(data)
    const half = Math.ceil(text.length / 2)
    fs.writeSync(handle.fd, text.slice(0, half))
    reach('half written')
    fs.writeSync(handle.fd, text.slice(half))
    reach('written')
  }
  handle.sync = async () => {
    await sync()
    reach('file synced')
  }
  handle.close = async () => {
    await close()
    reach('file closed')
  }
  return handle
}

function watchDirectory(handle: FileHandle): FileHandle {
  const sync = handle.sync.bind(handle)
  handle.sync = async () => {
    await sync()
    reach('directory synced')
  }
  return handle
}

// After the patches, because the store binds these functions when it is loaded.
const { createFileDialogueStore } = await import('../../../src/dialogue/file-dialogue-store.ts')
const { signal } = new AbortController()
const nodes = [{ id: 'START', line }]
await createFileDialogueStore({ directory }).save({ title: 'a', nodes }, { jobId, fencingToken: 1, signal })
reach('saved')
