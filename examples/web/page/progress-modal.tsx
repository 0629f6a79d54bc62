import type { GenerationModal } from 'generation-jobs/react'
import { type CSSProperties, useEffect } from 'react'
import { LiveText } from './live-text.tsx'
import { StepList } from './step-list.tsx'
import { useModalDialog } from './use-modal-dialog.ts'

export interface ProgressModalProps {
  readonly modal: GenerationModal
  readonly autoCloseMs: number
}

/** The progress of one generation. The browser keeps the focus inside; only its own buttons and Escape do anything. */
export function ProgressModal({ modal, autoCloseMs }: ProgressModalProps) {
  const { open, minimised, phase, title, message, tone, isInterrupting, canInterrupt, canClose } = modal
  const dialog = useModalDialog({ isShown: open && !minimised, isOver: !open, onKeyDown: modal.onKeyDown })

  // A button that goes away, or is disabled, takes the focus with it. It does not go to the button that takes its place: a press
  // that was meant for Interrompre must not close.
  useEffect(() => {
    if (canClose || isInterrupting) dialog.current?.focus()
  }, [canClose, isInterrupting, dialog])

  const closesItself = canClose && phase !== 'failed'
  return (
    <dialog
      ref={dialog}
      className="modal"
      aria-labelledby="progress-title"
      tabIndex={-1}
      data-phase={phase}
      data-tone={tone}
      style={{ '--auto-close': `${autoCloseMs}ms` } as CSSProperties}
    >
      <div className="modal__progress" data-closes-itself={closesItself} aria-hidden="true" />
      <header className="modal__header">
        <h2 id="progress-title">{title}</h2>
        {!canClose && (
          <button className="icon-button" type="button" aria-label="Réduire" title="Réduire" onClick={modal.onMinimise}>
            <span aria-hidden="true">–</span>
          </button>
        )}
      </header>
      <StepList steps={modal.steps} />
      {message !== undefined && message !== title && (
        <p className="notice" data-tone={tone}>
          {message}
        </p>
      )}
      <LiveText text={modal.text} isLive={!canClose} isWriting={phase === 'running'} />
      <footer className="modal__footer">
        {canClose ? (
          <button key="close" className="button button--primary" type="button" onClick={modal.onClose}>
            Fermer
          </button>
        ) : (
          <button
            key="interrupt"
            className="button button--stop"
            type="button"
            disabled={!canInterrupt}
            onClick={modal.onInterrupt}
          >
            Interrompre
          </button>
        )}
        {canInterrupt ? (
          <p className="hint modal__keys">Échap pour interrompre</p>
        ) : (
          <p className="hint">{footnote(modal)}</p>
        )}
      </footer>
      <p className="visually-hidden" role="status">
        {message === undefined || message === title ? title : `${title} ${message}`}
      </p>
    </dialog>
  )
}

/** Only what is certain: after a forced end the server may still be saving. */
function footnote({ phase, state }: GenerationModal): string {
  if (phase === 'completed') return 'Le dialogue est enregistré.'
  if (phase === 'interrupted') {
    return state.forced ? 'Le serveur n’a pas confirmé ; la demande d’arrêt continue.' : 'Rien n’a été enregistré.'
  }
  return state.error?.code === 'client.connection-lost' ? 'Rechargez la page pour reprendre.' : ''
}
