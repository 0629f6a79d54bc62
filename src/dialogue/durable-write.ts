import { renameSync } from 'node:fs'
import { mkdir, open, rm } from 'node:fs/promises'
import path from 'node:path'
import { tempFileName } from './temp-files.js'

/**
 * Puts a text into a file so that a crash at any moment leaves the old file or the new one, whole:
 * temporary file, fsync, atomic rename, fsync of the directory.
 * @param publish is handed the rename and calls it in the same tick, or throws: then nothing becomes visible.
 */
export async function durableWrite(file: string, text: string, publish: (rename: () => void) => void): Promise<void> {
  const directory = path.dirname(file)
  await makeDirectory(directory)
  const temporary = path.join(directory, tempFileName())
  try {
    await writeSynced(temporary, text)
    // Synchronous, so that no other save of this process comes between the caller's check and the rename.
    publish(() => renameSync(temporary, file))
  } catch (error) {
    // Kept from hiding the first error; what stays is removed at the next start.
    await rm(temporary, { force: true }).catch(() => {})
    throw error
  }
  await syncDirectory(directory)
}

async function writeSynced(file: string, text: string): Promise<void> {
  const handle = await open(file, 'wx')
  try {
    await handle.writeFile(text, 'utf8')
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Makes the directory and the names of all directories that were missing durable. */
async function makeDirectory(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true })
  if (first === undefined) return
  for (let made = directory; made.length >= first.length; made = path.dirname(made)) {
    await syncDirectory(path.dirname(made))
  }
}

/** Makes a rename durable (fsync(2): the entry in the directory is not part of the file). */
async function syncDirectory(directory: string): Promise<void> {
  // Windows has no fsync for directories.
  if (process.platform === 'win32') return
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
