import { GenerationJobError } from '../protocol/base-error.js'

/** A mistake in the use of a client (`client.busy`, `client.disposed`, `options.invalid`); all else shows in its state. */
export class GenerationClientError extends GenerationJobError {
  override readonly name = 'GenerationClientError'
}
