import { MAX_FREE_CHOICES, MIN_FREE_CHOICES } from './choice-rules.js'
import type { DialogueScene } from './dialogue-request.js'

/** What a `LanguageModel` is asked. */
export interface DialoguePrompt {
  readonly system?: string | undefined
  readonly prompt: string
}

/**
 * The prompt for a scene: how to answer in `system`, what to write about in `prompt`.
 * Give `buildPrompt` to the orchestrator for a prompt of your own; the answer must fit `unityDialogueSchema`.
 */
export function buildDialoguePrompt(scene: DialogueScene): DialoguePrompt {
  return { system: `${HOW_TO_ANSWER}\n${choicesWanted(scene)}`, prompt: whatToWrite(scene) }
}

const HOW_TO_ANSWER = `You write dialogue for a role-playing game. Answer with one JSON object and nothing else:
{ "title": string, "node": { "displayName"?: string, "speaker"?: string, "line"?: string, "test"?: string,
  "consequences"?: { "flag": string, "description"?: string }, "isLongRest"?: boolean, "startState"?: integer,
  "choices"?: [{ "text": string, "test"?: string, "traitRequirements"?: [{ "trait": string, "minValue": integer }],
    "allowInfluenceForcing"?: boolean, "influenceThreshold"?: integer, "influenceDelta"?: integer,
    "respectDelta"?: integer, "condition"?: string }] } }
"line" is what the speaker says; "choices" are the possible answers of the player.
A "test" is Attribute+Skill:difficulty, for instance Raison+Rhétorique:8. A "condition" is FLAG, NOT FLAG or startState == 1.
Leave out fields that the scene does not need. Write in the language of the instructions.`

function choicesWanted({ maxChoices, choicesMode }: DialogueScene): string {
  if (maxChoices === 0) return 'The node has no choices: leave "choices" out.'
  const most = maxChoices ?? MAX_FREE_CHOICES
  const least = maxChoices === undefined && choicesMode === 'free' ? MIN_FREE_CHOICES : 1
  const number = least === most ? String(least) : `${least} to ${most}`
  return `Number of choices: ${number}, or "choices": null if the node ends the dialogue.`
}

function whatToWrite({ characters, npcSpeaker, playerCharacter, instructions }: DialogueScene): string {
  const lines: [label: string, value: string | undefined][] = [
    ['Characters', characters.join(', ')],
    ['Speaker', npcSpeaker],
    ['Player', playerCharacter],
    ['Instructions', instructions],
  ]
  return lines
    .filter(([, value]) => value)
    .map(([label, value]) => `${label}: ${value}`)
    .join('\n')
}
