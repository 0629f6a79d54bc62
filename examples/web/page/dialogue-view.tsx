import type { DialogueDraft } from './dialogue-draft.ts'

/** A dialogue as it is read: title, who speaks, the line, and what the player may answer. */
export function DialogueView({ dialogue, isWriting }: { dialogue: DialogueDraft; isWriting?: boolean }) {
  const { title, speaker, line, choices } = dialogue
  return (
    <article className="dialogue" data-writing={isWriting}>
      {title && <h3>{title}</h3>}
      {speaker && <p className="dialogue__speaker">{speaker}</p>}
      {line && <p className="dialogue__line">{line}</p>}
      {choices.length > 0 && (
        <>
          <p className="dialogue__label">Choix du joueur</p>
          <ol className="dialogue__choices">
            {choices.map(({ text, test }, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: choices are only ever added at the end.
              <li key={index}>
                <span>{text}</span>
                {test && <span className="dialogue__test">Test : {test}</span>}
              </li>
            ))}
          </ol>
        </>
      )}
    </article>
  )
}
