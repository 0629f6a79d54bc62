import { InvalidOptionsError } from '../core/errors.js'

/** Longest file name that every common file system takes, in bytes of UTF-8. */
const MAX_NAME_BYTES = 255
/** Path separators, control characters, and halves of a character, which all become the same byte sequence. */
const FORBIDDEN_EVERYWHERE = /[/\\\p{Cc}\p{Cs}]/u
/** What Windows reads as a drive, a stream, a wildcard or a device. */
const FORBIDDEN_ON_WINDOWS = /[<>:"|?*]|^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i

/**
 * The name of a job's file, inside its directory and nowhere else.
 * @throws {InvalidOptionsError} when the id holds a path separator or a control character, begins with a dot,
 * is too long, or names something else than a file on this platform.
 */
export function jobFileName(jobId: string): string {
  const fileName = `${jobId}.json`
  const allowed =
    typeof jobId === 'string' &&
    jobId !== '' &&
    !jobId.startsWith('.') &&
    !FORBIDDEN_EVERYWHERE.test(jobId) &&
    !(process.platform === 'win32' && FORBIDDEN_ON_WINDOWS.test(jobId)) &&
    Buffer.byteLength(fileName) <= MAX_NAME_BYTES
  if (allowed) return fileName
  throw new InvalidOptionsError(
    `The job id cannot be a file name: expected 1 to ${MAX_NAME_BYTES - '.json'.length} bytes without path separators or control characters and without a dot at the beginning.`,
  )
}
