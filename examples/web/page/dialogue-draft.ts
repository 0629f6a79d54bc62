import type { UnityNode } from 'generation-jobs/dialogue'

/** What can be shown of a dialogue, finished or not. */
export interface DialogueDraft {
  readonly title: string | undefined
  readonly speaker: string | undefined
  readonly line: string | undefined
  readonly choices: readonly DraftChoice[]
}

export interface DraftChoice {
  readonly text: string
  readonly test: string | undefined
}

/** Reads what a model writes, `{ title, node }`; `undefined` while nothing of it is there. */
export function draftOf(value: unknown): DialogueDraft | undefined {
  const { title, node } = fieldsOf(value)
  const draft = draftOfNode(node, textOf(title))
  return draft.title || draft.speaker || draft.line || draft.choices.length > 0 ? draft : undefined
}

/** A node, as a model writes it or as it was saved. */
export function draftOfNode(node: UnityNode | unknown, title?: string): DialogueDraft {
  const { speaker, line, choices } = fieldsOf(node)
  const list: unknown[] = Array.isArray(choices) ? choices : []
  return {
    title,
    speaker: textOf(speaker),
    line: textOf(line),
    choices: list.map((choice) => {
      const { text, test } = fieldsOf(choice)
      return { text: textOf(text) ?? '', test: textOf(test) }
    }),
  }
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
