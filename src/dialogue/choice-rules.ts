import { invalidDialogue } from './invalid-dialogue.js'
import type { UnityDialogueResponse } from './unity-dialogue-schema.js'

/** No node has more choices than this when the request gives no number of its own. */
export const MAX_FREE_CHOICES = 8
/** A node that offers a choice at all offers at least two, unless the request caps them. */
export const MIN_FREE_CHOICES = 2

/** How many choices a node may have, as a request or an orchestrator says it. */
export interface ChoiceOptions {
  /** At most so many, the rest is cut off; 0 removes all. Wins over `choicesMode`. */
  readonly maxChoices?: number | undefined
  /**
   * `free`: none (`null`, an end node) or 2 to 8, an empty list or a single choice is an error.
   * `capped`: bounded and without a minimum; without `maxChoices` the bound is 8.
   * @defaultValue `'free'`
   */
  readonly choicesMode?: 'free' | 'capped' | undefined
}

/** The same, with the defaults in place. */
export interface ChoiceRules {
  readonly maxChoices: number | undefined
  readonly choicesMode: 'free' | 'capped'
}

/**
 * Applies the rules on the number of choices to what the model answered.
 * @returns the response, with surplus choices cut off; the argument is left as it is.
 * @throws {InvalidResultError} when free mode got an empty list or a single choice.
 */
export function applyChoiceRules(response: UnityDialogueResponse, rules: ChoiceRules): UnityDialogueResponse {
  const { choices } = response.node
  if (choices == null) return response
  const free = rules.maxChoices === undefined && rules.choicesMode === 'free'
  if (free && choices.length < MIN_FREE_CHOICES) {
    throw invalidDialogue([
      {
        path: ['node', 'choices'],
        message: `expected null or ${MIN_FREE_CHOICES} to ${MAX_FREE_CHOICES} choices, received ${choices.length}`,
      },
    ])
  }
  const kept = choices.slice(0, rules.maxChoices ?? MAX_FREE_CHOICES)
  return { ...response, node: { ...response.node, choices: kept.length > 0 ? kept : null } }
}
