import { useMemo } from 'react'
import { draftOf } from './dialogue-draft.ts'
import { DialogueView } from './dialogue-view.tsx'
import { readHalfWrittenJson } from './half-written-json.ts'
import { useStickToEnd } from './use-stick-to-end.ts'

export interface LiveTextProps {
  readonly text: string
  /** More may come. */
  readonly isLive: boolean
  readonly isWriting: boolean
}

/** What the model has written so far: a dialogue as far as it can be read, else the text as it is. Never as HTML. */
export function LiveText({ text, isLive, isWriting }: LiveTextProps) {
  const draft = useMemo(() => draftOf(readHalfWrittenJson(text)), [text])
  const place = useStickToEnd(text)
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
    <section ref={place} className="live-text" tabIndex={0} aria-label="Texte généré" aria-busy={isWriting}>
      {draft ? <DialogueView dialogue={draft} isWriting={isWriting} /> : <p className="raw-text">{text}</p>}
      {text === '' && isLive && <p className="hint">Préparation...</p>}
    </section>
  )
}
