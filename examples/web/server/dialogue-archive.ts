import { readdir, readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { createFileDialogueStore, type DialogueStore, type UnityNode } from 'generation-jobs/dialogue'

/** A dialogue that was saved, as the page lists it. */
export interface SavedDialogue {
  readonly jobId: string
  /** ISO time. */
  readonly savedAt: string
  readonly nodes: readonly UnityNode[]
}

/** The page shows no more. */
const MOST_LISTED = 20

/** The dialogues of one guest, in a folder of their own. */
export interface DialogueArchive {
  readonly store: DialogueStore
  /** The newest first. */
  list(): Promise<readonly SavedDialogue[]>
}

export function openArchive(directory: string, owner: string): DialogueArchive {
  const folder = path.join(directory, owner)
  return {
    get store() {
      return createFileDialogueStore({ directory: folder })
    },
    async list() {
      const names = await readdir(folder).catch(() => [])
      const files = names.filter((name) => name.endsWith('.json')).map((name) => path.join(folder, name))
      const dated = await Promise.all(files.map(async (file) => ({ file, savedAt: (await stat(file)).mtime })))
      dated.sort((a, b) => b.savedAt.getTime() - a.savedAt.getTime())
      return Promise.all(dated.slice(0, MOST_LISTED).map(({ file, savedAt }) => read(file, savedAt)))
    },
  }
}

async function read(file: string, savedAt: Date): Promise<SavedDialogue> {
  const nodes: UnityNode[] = JSON.parse(await readFile(file, 'utf8'))
  return { jobId: path.basename(file, '.json'), savedAt: savedAt.toISOString(), nodes }
}
