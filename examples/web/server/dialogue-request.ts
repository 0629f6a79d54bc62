import { z } from 'zod'

/** What the form sends. That there is a subject at all is checked with the dialogue's own rules, when the job is made. */
export const dialogueRequest = z.strictObject({
  instructions: z.string().max(2_000),
  characters: z.array(z.string().trim().min(1).max(60)).max(8),
  /** How fast the local model writes; a provider has a pace of its own. */
  tokensPerSecond: z.number().min(1).max(10_000),
})

export type DialogueRequest = z.infer<typeof dialogueRequest>
