import type { ServerResponse } from 'node:http'
import type { Frames } from '../http/frames.js'
import type { ViewerSink } from '../http/viewer-sink.js'

/** A viewer's stream written to a response of `node:http`, each write as one call of the system. */
export class ResponseSink implements ViewerSink {
  readonly #res: ServerResponse

  constructor(res: ServerResponse, onRoom: () => void) {
    this.#res = res
    res.on('drain', onRoom)
  }

  write(frames: Frames): boolean {
    const res = this.#res
    const { socket } = res
    // Node would put the parts of a chunk together at the end of the turn; done here, a round knows what it took.
    socket?.cork()
    const hasRoom = res.write(frames.isShared ? frames.bytes : frames.text)
    socket?.uncork()
    return hasRoom || res.writableLength === 0
  }

  end(frames: Frames): void {
    this.#res.end(frames.text)
  }

  cutOff(): void {
    this.#res.destroy()
  }
}
