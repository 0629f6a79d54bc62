import type { CommitFence } from '../core/commit-gate.js'
import type { UnityDialogue } from './unity-node.js'

/** Where finished dialogues go. */
export interface DialogueStore {
  /**
   * Makes the dialogue visible as a whole, or not at all. Called at most once per job, only with a dialogue that
   * passed every rule.
   * @param fence which job and which owner writes; once its signal is aborted nothing may become visible.
   */
  save(dialogue: UnityDialogue, fence: CommitFence): Promise<void>
}
