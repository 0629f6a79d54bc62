import { createGenerationClient, type GenerationClient } from 'generation-jobs/client'
import type { UnityDialogue } from 'generation-jobs/dialogue'
import type { DialogueRequest } from '../server/dialogue-request.ts'

export type DialogueClient = GenerationClient<DialogueRequest, UnityDialogue>

/** One place on the page, one generation at a time; made once, outside of React. */
export const client: DialogueClient = createGenerationClient<DialogueRequest, UnityDialogue>({
  baseUrl: '/api/v1/dialogues/generate',
  onWarning: (warning) => console.warn('generation', warning),
})
