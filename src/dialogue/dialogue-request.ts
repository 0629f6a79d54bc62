import { z } from 'zod'
import { checkOptions } from './check-options.js'
import type { ChoiceOptions, ChoiceRules } from './choice-rules.js'

/** What a dialogue is asked to be. */
export interface UnityDialogueRequest extends ChoiceOptions {
  /** What happens in the scene. May be empty when there is a character. */
  readonly instructions: string
  /** Who takes part. May be empty when there are instructions. */
  readonly characters: readonly string[]
  /** Who speaks the line. @defaultValue the first character */
  readonly npcSpeaker?: string | undefined
  /** Whose answers the choices are. */
  readonly playerCharacter?: string | undefined
}

/** A checked request with every default in place: what a prompt is built from. */
export interface DialogueScene extends ChoiceRules {
  readonly instructions: string
  readonly characters: readonly string[]
  readonly npcSpeaker: string | undefined
  readonly playerCharacter: string | undefined
}

const name = z.string().trim().min(1, 'expected a name that is not blank')

/** The two limits that a request and an orchestrator share. */
export const choiceOptions = {
  maxChoices: z.int().min(0).optional(),
  choicesMode: z.enum(['free', 'capped']).optional(),
}

const requestSchema = z
  .strictObject({
    instructions: z.string(),
    characters: z.array(name),
    npcSpeaker: name.optional(),
    playerCharacter: name.optional(),
    ...choiceOptions,
  })
  .refine(({ characters, instructions }) => characters.length > 0 || instructions.trim() !== '', {
    message: 'select at least one character or add instructions',
  })

/**
 * Checks a request and puts the defaults in.
 * @throws {InvalidOptionsError} with all issues; also when the request has neither a character nor instructions.
 */
export function resolveDialogueRequest(request: UnityDialogueRequest, defaults: ChoiceOptions): DialogueScene {
  const { characters, npcSpeaker, playerCharacter, instructions, maxChoices, choicesMode } = checkOptions(
    requestSchema,
    request,
    'dialogue request',
  )
  return {
    instructions: instructions.trim(),
    characters,
    npcSpeaker: npcSpeaker ?? characters[0],
    playerCharacter,
    maxChoices: maxChoices ?? defaults.maxChoices,
    choicesMode: choicesMode ?? defaults.choicesMode ?? 'free',
  }
}
