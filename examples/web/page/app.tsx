import { useGenerationModal } from 'generation-jobs/react'
import type { DialogueClient } from './client.ts'
import { DialogueForm } from './dialogue-form.tsx'
import { ProgressBadge } from './progress-badge.tsx'
import { ProgressModal } from './progress-modal.tsx'
import { SavedDialogues } from './saved-dialogues.tsx'
import { useSavedDialogues } from './use-saved-dialogues.ts'

/** The steps of a dialogue, listed before they begin. */
const STEPS = ['Prompting', 'Generating', 'Validating', 'Committing']
const AUTO_CLOSE_MS = 3_000

export function App({ client }: { readonly client: DialogueClient }) {
  const modal = useGenerationModal(client, { steps: STEPS, autoCloseMs: AUTO_CLOSE_MS })
  const saved = useSavedDialogues(modal.phase === 'completed' ? modal.state.jobId : undefined)
  return (
    <>
      <header className="masthead">
        <p className="masthead__mark" aria-hidden="true">
          ❧
        </p>
        <h1>Atelier de dialogues</h1>
        <p className="masthead__lead">Une scène, quelques voix, et un modèle que l’on peut arrêter à tout moment.</p>
      </header>
      <main className="desk">
        <DialogueForm isBusy={modal.open && !modal.canClose} onSubmit={(request) => void client.start(request)} />
        <SavedDialogues saved={saved} />
      </main>
      <ProgressModal modal={modal} autoCloseMs={AUTO_CLOSE_MS} />
      <ProgressBadge modal={modal} />
    </>
  )
}
