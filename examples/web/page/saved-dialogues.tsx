import type { SavedDialogue } from '../server/dialogue-archive.ts'
import { draftOfNode } from './dialogue-draft.ts'
import { DialogueView } from './dialogue-view.tsx'
import type { SavedList } from './use-saved-dialogues.ts'

export function SavedDialogues({ saved }: { readonly saved: SavedList }) {
  return (
    <section className="shelf" aria-labelledby="saved-title">
      <h2 id="saved-title">
        Dialogues enregistrés
        {saved.kind === 'loaded' && <span className="count">{saved.dialogues.length}</span>}
      </h2>
      {saved.kind === 'failed' && <p className="empty">La liste n’a pas pu être lue.</p>}
      {saved.kind === 'loaded' && saved.dialogues.length === 0 && (
        <p className="empty">
          Rien encore. Seul un dialogue entier et validé arrive ici : une génération interrompue ne laisse rien.
        </p>
      )}
      {saved.kind === 'loaded' && saved.dialogues.map((dialogue) => <Saved key={dialogue.jobId} dialogue={dialogue} />)}
    </section>
  )
}

function Saved({ dialogue: { savedAt, nodes } }: { readonly dialogue: SavedDialogue }) {
  const draft = draftOfNode(nodes[0])
  return (
    <details className="card saved">
      <summary>
        <span className="saved__speaker">{draft.speaker ?? 'Narration'}</span>
        <time dateTime={savedAt}>{TIME.format(new Date(savedAt))}</time>
        <span className="saved__line">{draft.line}</span>
      </summary>
      <DialogueView dialogue={{ ...draft, speaker: undefined }} />
    </details>
  )
}

const TIME = new Intl.DateTimeFormat('fr', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' })
