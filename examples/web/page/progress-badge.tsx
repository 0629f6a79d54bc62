import type { GenerationModal } from 'generation-jobs/react'
import { useEffect, useRef } from 'react'
import { stepLabel } from './step-list.tsx'

/** The reduced modal: says where the generation is, and brings it back. */
export function ProgressBadge({ modal }: { readonly modal: GenerationModal }) {
  const { open, minimised, canClose, badge, tone, onExpand } = modal
  const button = useRef<HTMLButtonElement>(null)
  const isShown = open && minimised

  useEffect(() => {
    if (isShown) button.current?.focus()
  }, [isShown])

  return (
    <div className="badge-place" role="status">
      {isShown && (
        <button
          ref={button}
          className="badge"
          type="button"
          data-tone={tone}
          data-over={canClose}
          aria-label={`${stepLabel(badge)}, agrandir`}
          onClick={onExpand}
        >
          <span className="badge__dot" aria-hidden="true" />
          {stepLabel(badge)}
        </button>
      )}
    </div>
  )
}
