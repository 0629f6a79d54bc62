/**
 * Dialogues for a Unity game: schema, rules, orchestrator, file store.
 *
 * @module generation-jobs/dialogue
 */
export type { ChoiceOptions, ChoiceRules } from './choice-rules.js'
export { buildDialoguePrompt, type DialoguePrompt } from './dialogue-prompt.js'
export type { DialogueScene, UnityDialogueRequest } from './dialogue-request.js'
export type { DialogueStore } from './dialogue-store.js'
export { createFileDialogueStore, type FileDialogueStoreOptions } from './file-dialogue-store.js'
export { renderUnityNodes } from './render-unity-nodes.js'
export {
  UnityDialogueOrchestrator,
  type UnityDialogueOrchestratorOptions,
} from './unity-dialogue-orchestrator.js'
export {
  type UnityChoiceContent,
  type UnityConsequences,
  type UnityDialogueResponse,
  type UnityNodeContent,
  type UnityTraitRequirement,
  unityDialogueSchema,
} from './unity-dialogue-schema.js'
export { END_NODE, START_NODE, type UnityChoice, type UnityDialogue, type UnityNode } from './unity-node.js'
export { validateUnityNodes } from './validate-unity-nodes.js'
