import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const RESULTS = fileURLToPath(new URL('../results/', import.meta.url))
/** What the repository shows. */
export const PUBLISHED = fileURLToPath(new URL('../../docs/performance/', import.meta.url))

/** A folder for what is found now. */
export function resultsFolder(): string {
  const folder = `${RESULTS}${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}/`
  mkdirSync(folder, { recursive: true })
  return folder
}
