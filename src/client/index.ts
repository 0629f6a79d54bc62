/**
 * One run at a time as a page sees it: start, follow, interrupt, resume.
 *
 * @module generation-jobs/client
 */
export type { ClientLocale, ClientMessages } from '../protocol/client-messages.js'
export { GenerationClientError } from './client-error.js'
export type { ClientWarning, GenerationClientOptions, RequestHeaders, StreamEvent } from './client-options.js'
export { createGenerationClient, type GenerationClient } from './generation-client.js'
export type { GenerationFailure, GenerationPhase, GenerationState } from './generation-state.js'
export type { ClientClock } from './system-clock.js'
