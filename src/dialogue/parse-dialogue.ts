import type { Issue } from '../core/errors.js'
import { invalidDialogue } from './invalid-dialogue.js'
import { type UnityDialogueResponse, unityDialogueSchema } from './unity-dialogue-schema.js'

/** One Markdown code fence around the whole answer: models add it although they are told not to. */
const CODE_FENCE = /^```(?:json)?\s*\n([\s\S]*?)\n?```$/

/**
 * Reads the whole text of a model as a dialogue.
 * @throws {InvalidResultError} with all issues, when the text is no JSON or does not fit `unityDialogueSchema`.
 */
export function parseDialogue(text: string): UnityDialogueResponse {
  const trimmed = text.trim()
  const parsed = unityDialogueSchema.safeParse(parseJson(CODE_FENCE.exec(trimmed)?.[1] ?? trimmed))
  if (parsed.success) return parsed.data
  throw invalidDialogue(parsed.error.issues.map(({ path, message }): Issue => ({ path, message })))
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The parser's own message quotes the text.
    throw invalidDialogue([{ path: [], message: 'expected JSON, received other text' }])
  }
}
