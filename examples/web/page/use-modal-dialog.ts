import { type RefObject, useEffect, useRef } from 'react'

export interface ModalDialogOptions {
  readonly isShown: boolean
  /** Not only hidden for a while: the focus goes back to where it came from. */
  readonly isOver: boolean
  readonly onKeyDown: (event: KeyboardEvent) => void
}

/**
 * Ties a `<dialog>` to a state. `showModal` makes the rest of the page inert, so the focus cannot leave. Escape belongs to
 * `onKeyDown` alone: the browser would close the dialog whatever the state says.
 */
export function useModalDialog({
  isShown,
  isOver,
  onKeyDown,
}: ModalDialogOptions): RefObject<HTMLDialogElement | null> {
  const dialog = useRef<HTMLDialogElement>(null)
  const opener = useRef<Element>(null)

  useEffect(() => {
    if (!isShown) return
    opener.current ??= document.activeElement
    dialog.current?.showModal()
    dialog.current?.focus() // not its first button: Enter, still held down, would press it
    return () => dialog.current?.close()
  }, [isShown])

  useEffect(() => {
    if (!isOver) return
    if (opener.current instanceof HTMLElement) opener.current.focus()
    opener.current = null
  }, [isOver])

  useEffect(() => {
    if (!isShown) return
    function onKey(event: KeyboardEvent): void {
      if (event.key === 'Escape') event.preventDefault()
      onKeyDown(event)
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [isShown, onKeyDown])

  return dialog
}
