// @ts-check
// Tells whether dist/ was built from the sources as they are now. By content: a checkout or a copy changes times.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const stamp = join(root, 'dist', '.source-hash')

/** Hash of everything the built files depend on. */
export function sourceHash() {
  const hash = createHash('sha256')
  for (const file of [...filesBelow('src'), 'tsup.config.ts', 'tsconfig.json', 'package-lock.json']) {
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(root, file)))
      .update('\0')
  }
  return hash.digest('hex')
}

/**
 * Called at the end of a build.
 * @param {string} hash of the sources the build read
 * @param {{ types: boolean }} built
 */
export function stampBuild(hash, { types }) {
  writeFileSync(stamp, `${hash}${types ? ' types' : ''}\n`)
}

/** @param {{ types: boolean }} needed */
export function isBuildFresh({ types }) {
  if (!existsSync(stamp)) return false
  const [hash, built] = readFileSync(stamp, 'utf8').trim().split(' ')
  return hash === sourceHash() && (!types || built === 'types')
}

/** @param {string} folder */
function filesBelow(folder) {
  if (!existsSync(join(root, folder))) return []
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(root.length))
    .sort()
}
