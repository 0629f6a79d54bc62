/**
 * Routes and server-sent events, from `Request` to `Response`.
 *
 * @module generation-jobs/http
 */
export { createGenerationHandler, type GenerationHandler } from './handler.js'
export type {
  Authorize,
  AuthorizeContext,
  GenerationAction,
  GenerationHandlerOptions,
  HandlerContext,
  StartContext,
  StartedGeneration,
  StreamTokenOptions,
} from './options.js'
