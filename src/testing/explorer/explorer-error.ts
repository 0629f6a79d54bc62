/** The scenario or the call is wrong, so nothing can be said about the system under test. The message names the cause. */
export class ExplorerError extends Error {
  override readonly name = 'ExplorerError'
}
