import path from 'node:path'
import { z } from 'zod'
import type { CommitFence } from '../core/commit-gate.js'
import { CommitError } from '../core/errors.js'
import { checkOptions } from './check-options.js'
import type { DialogueStore } from './dialogue-store.js'
import { durableWrite } from './durable-write.js'
import { jobFileName } from './job-file-name.js'
import { removeStaleTempFiles } from './temp-files.js'

/** So many jobs are remembered to refuse an older owner; the oldest is forgotten first. */
const MAX_REMEMBERED_JOBS = 1_000

/** Of {@link createFileDialogueStore}. */
export interface FileDialogueStoreOptions {
  /** Where the files go; made at the first save. A relative path counts from the directory at creation. */
  readonly directory: string
}

const optionsSchema = z.strictObject({ directory: z.string().min(1) })

/**
 * Saves each dialogue as `<jobId>.json`: the array of nodes that Unity reads, indented by two spaces, in UTF-8.
 *
 * A process that dies at any step leaves the old file or the new one, never a part; what it left unfinished is removed
 * when the next store is created on the directory. Nothing becomes visible once `fence.signal` is aborted.
 *
 * Within this store a save with an older fencing token never replaces a newer one, for the last thousand jobs. Between
 * processes that is not promised: files know no compare-and-rename. There the job's own commit claim, which
 * only one owner wins, keeps an older owner from saving.
 * @throws {InvalidOptionsError} here for a wrong option; in `save` for a job id that cannot be a file name.
 */
export function createFileDialogueStore(options: FileDialogueStoreOptions): DialogueStore {
  const directory = path.resolve(checkOptions(optionsSchema, options, 'file store options').directory)
  const newestTokens = new Map<string, number>()
  removeStaleTempFiles(directory)

  function admit({ jobId, fencingToken, signal }: CommitFence): void {
    signal.throwIfAborted()
    const newest = newestTokens.get(jobId)
    if (newest !== undefined && fencingToken < newest) {
      throw new CommitError(
        'commit.failed',
        `A newer owner of the job has saved: fencing token ${newest}, not ${fencingToken}.`,
      )
    }
  }

  function remember({ jobId, fencingToken }: CommitFence): void {
    newestTokens.delete(jobId)
    newestTokens.set(jobId, fencingToken)
    const [oldest] = newestTokens.keys()
    if (newestTokens.size > MAX_REMEMBERED_JOBS && oldest !== undefined) newestTokens.delete(oldest)
  }

  return {
    async save({ nodes }, fence) {
      admit(fence)
      const file = path.join(directory, jobFileName(fence.jobId))
      await durableWrite(file, JSON.stringify(nodes, null, 2), (rename) => {
        admit(fence)
        rename()
        remember(fence)
      })
    },
  }
}
