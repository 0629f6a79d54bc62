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
