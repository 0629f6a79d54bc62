import { setTimeout as wait } from 'node:timers/promises'

const SAVE_MS = 150

/** Stands in for a database: a save takes its time. */
export class Archive {
  readonly texts = new Map<string, string>()
  saving = 0

  async save(id: string, text: string): Promise<void> {
    this.saving += 1
    await wait(SAVE_MS)
    this.texts.set(id, text)
    this.saving -= 1
  }
}
