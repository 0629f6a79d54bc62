import { useEffect, useState } from 'react'
import type { SavedDialogue } from '../server/dialogue-archive.ts'

export type SavedList =
  | { readonly kind: 'loading' }
  | { readonly kind: 'loaded'; readonly dialogues: readonly SavedDialogue[] }
  | { readonly kind: 'failed' }

const ANSWER_LIMIT_MS = 10_000

/** The guest's saved dialogues; read anew when `newest` names another one, and when the page is looked at again. */
export function useSavedDialogues(newest: string | undefined): SavedList {
  const [list, setList] = useState<SavedList>({ kind: 'loading' })
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new dialogue is what makes the list old.
  useEffect(() => {
    const leaving = new AbortController()
    const { signal } = leaving
    const load = () => void read(signal).then((read) => signal.aborted || setList(read))
    addEventListener('focus', load, { signal })
    load()
    return () => leaving.abort()
  }, [newest])
  return list
}

async function read(leaving: AbortSignal): Promise<SavedList> {
  const signal = AbortSignal.any([leaving, AbortSignal.timeout(ANSWER_LIMIT_MS)])
  try {
    const response = await fetch('/api/v1/dialogues', { signal })
    return response.ok ? { kind: 'loaded', dialogues: await response.json() } : { kind: 'failed' }
  } catch {
    return { kind: 'failed' }
  }
}
