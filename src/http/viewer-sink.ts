import type { Frames } from './frames.js'

/** Where one viewer's stream goes: the body of a response, or whatever a host writes to. */
export interface ViewerSink {
  /** Answers whether there is room for more. If not, the sink says by `onRoom` when there is. */
  write(frames: Frames): boolean
  /** Writes the last and ends the response. */
  end(frames: Frames): void
  /** Breaks the response off. */
  cutOff(): void
}

/** What a sink tells its viewer; both may come at any time, and more than once. */
export interface ViewerSinkEvents {
  readonly onRoom: () => void
  /** Nobody is there any more. */
  readonly onGone: () => void
}
