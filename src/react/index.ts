/**
 * The client in React, and what a progress modal needs.
 *
 * @module generation-jobs/react
 */
export type { ClientClock } from '../client/system-clock.js'
export type { ModalStep, StepStatus } from './modal-steps.js'
export { useGeneration } from './use-generation.js'
export {
  type GenerationModal,
  type GenerationModalOptions,
  type ModalTone,
  useGenerationModal,
} from './use-generation-modal.js'
