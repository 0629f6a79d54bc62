/** A started job that waits on its source, how to stop it, and its end. What each peer is reduced to where cancels are compared. */
export interface CancellableJob {
  cancel(): unknown
  readonly ended: Promise<unknown>
}
