import { access, constants, stat } from 'node:fs/promises'
import path from 'node:path'

/**
 * Whether a file could be written into the directory, which need not exist yet. Asked before anything is generated:
 * a dialogue that cannot be saved is not worth its tokens.
 */
export async function isWritableDirectory(directory: string): Promise<boolean> {
  for (let place = path.resolve(directory); ; place = path.dirname(place)) {
    const found = await stat(place).catch((error: NodeJS.ErrnoException) => error.code)
    if (found === 'ENOENT' && place !== path.dirname(place)) continue
    if (typeof found !== 'object' || !found.isDirectory()) return false
    return access(place, constants.W_OK).then(
      () => true,
      () => false,
    )
  }
}
