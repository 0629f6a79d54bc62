import { useCallback, useEffect, useState } from 'react'
import { assertKnown } from '../client/client-options.js'
import type { GenerationClient } from '../client/generation-client.js'
import type { GenerationPhase, GenerationState } from '../client/generation-state.js'
import { type ClientClock, systemClock } from '../client/system-clock.js'
import { useAutoClose } from './auto-close.js'
import { type ModalStep, modalSteps } from './modal-steps.js'
import { useGeneration } from './use-generation.js'

/** Of {@link useGenerationModal}. */
export interface GenerationModalOptions {
  /** How long the message of a completed or interrupted run stays, ms. @defaultValue 3_000 */
  autoCloseMs?: number | undefined
  /** Steps to list before they begin. @defaultValue none: only those that were seen */
  steps?: readonly string[] | undefined
  clock?: ClientClock | undefined
}

/** How to colour the message: `error` red, `warning` for an interrupt that the server did not confirm or that came too late. */
export type ModalTone = 'neutral' | 'success' | 'warning' | 'error'

/** What a progress modal needs; how it looks is yours. Render `text` as text, never as HTML: a model wrote it. */
export interface GenerationModal<Result = unknown> {
  /** From the start of a run until its message was shown and closed. */
  readonly open: boolean
  readonly title: string
  /** What to tell besides the title: an error, or that an interrupt came too late. */
  readonly message: string | undefined
  readonly tone: ModalTone
  readonly phase: GenerationPhase
  readonly steps: readonly ModalStep[]
  readonly text: string
  readonly canInterrupt: boolean
  readonly isInterrupting: boolean
  /** The run is over: show Close instead of Interrupt. */
  readonly canClose: boolean
  readonly minimised: boolean
  /** What a badge says while minimised. */
  readonly badge: string
  readonly onInterrupt: () => void
  /** Closes the modal of a run that is over; the state keeps its text. */
  readonly onClose: () => void
  readonly onMinimise: () => void
  readonly onExpand: () => void
  /** Escape interrupts while that is possible, and does nothing else. */
  readonly onKeyDown: (event: { readonly key: string; preventDefault?(): void }) => void
  readonly state: GenerationState<Result>
}

const OPTIONS: readonly (keyof GenerationModalOptions)[] = ['autoCloseMs', 'steps', 'clock']

/**
 * The progress modal of one client. Completed, interrupted and forced endings show their message for `autoCloseMs`, then the
 * modal closes; a failed one stays until it is closed, a minimised one until it is expanded.
 *
 * @throws {GenerationClientError} `options.invalid` for an option that it does not know
 */
export function useGenerationModal<Params, Result>(
  client: GenerationClient<Params, Result>,
  options: GenerationModalOptions = {},
): GenerationModal<Result> {
  assertKnown(options, OPTIONS)
  const { autoCloseMs = 3_000, steps = NO_STEPS, clock = systemClock } = options
  const state = useGeneration(client)
  const { phase, text, canInterrupt, isInterrupting } = state
  // The state of an end is one object until the next run, so it names the end that was closed.
  const [closed, setClosed] = useState<GenerationState<Result>>()
  const [minimised, setMinimised] = useState(false)

  const isOver = phase === 'completed' || phase === 'interrupted' || phase === 'failed'
  const open = phase !== 'idle' && closed !== state
  const onClose = useCallback(() => {
    if (!isOver) return
    setClosed(state)
    setMinimised(false)
  }, [isOver, state])
  useAutoClose(state, open && isOver && phase !== 'failed' && !minimised, autoCloseMs, clock, onClose)

  useEffect(() => {
    if (phase === 'starting') setMinimised(false)
  }, [phase])

  const onInterrupt = useCallback(() => {
    client.interrupt().catch(() => {}) // disposed: there is nothing left to interrupt
  }, [client])
  const onMinimise = useCallback(() => setMinimised(true), [])
  const onExpand = useCallback(() => setMinimised(false), [])
  const onKeyDown = useCallback<GenerationModal['onKeyDown']>(
    (event) => {
      if (event.key !== 'Escape' || !canInterrupt || minimised) return
      event.preventDefault?.()
      onInterrupt()
    },
    [canInterrupt, minimised, onInterrupt],
  )

  const title = titleOf(state, client.messages)
  return {
    open,
    title,
    message: state.message,
    tone: toneOf(state),
    phase,
    steps: modalSteps(state, steps),
    text,
    canInterrupt,
    isInterrupting,
    canClose: isOver,
    minimised,
    badge: isOver ? title : (state.step ?? title),
    onInterrupt,
    onClose,
    onMinimise,
    onExpand,
    onKeyDown,
    state,
  }
}

const NO_STEPS: readonly string[] = []

type Words = GenerationClient['messages']

function titleOf(state: GenerationState, words: Words): string {
  switch (state.phase) {
    case 'interrupting':
    case 'interrupted':
    case 'completed':
      return state.message
    case 'failed':
      return words.failed
    case 'idle':
    case 'starting':
    case 'running':
      return words.generating
  }
}

function toneOf({ phase, message, forced }: GenerationState): ModalTone {
  if (phase === 'failed') return 'error'
  if (phase === 'completed') return 'success'
  return forced || (phase === 'running' && message !== undefined) ? 'warning' : 'neutral'
}
