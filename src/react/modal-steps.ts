import type { GenerationState } from '../client/generation-state.js'

/** `stopped`: the run ended here without being complete. */
export type StepStatus = 'done' | 'active' | 'stopped' | 'waiting'

/** One line of the list of steps. */
export interface ModalStep {
  readonly name: string
  readonly status: StepStatus
}

/** The expected steps, and those that were seen besides, with how far the run is. */
export function modalSteps(state: GenerationState, expected: readonly string[]): readonly ModalStep[] {
  const { phase, steps, step } = state
  const isOver = phase === 'interrupted' || phase === 'failed'
  return [...new Set([...expected, ...steps])].map((name) => {
    if (phase !== 'completed' && name === step) return { name, status: isOver ? 'stopped' : 'active' }
    return { name, status: phase === 'completed' || steps.includes(name) ? 'done' : 'waiting' }
  })
}
