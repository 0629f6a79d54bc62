import type { Frames } from './frames.js'
import type { ViewerSink, ViewerSinkEvents } from './viewer-sink.js'

export interface BodySinkOptions extends ViewerSinkEvents {
  readonly maxBufferBytes: number
  /** Closes the connection: a host that waits for its socket does not see its stream end. */
  readonly disconnect: (() => void) | undefined
}

/** A viewer's stream as the body of a response, for every host of fetch handlers. */
export class BodySink implements ViewerSink {
  readonly body: ReadableStream<Uint8Array>
  readonly #disconnect: (() => void) | undefined
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined

  constructor({ maxBufferBytes, disconnect, onRoom, onGone }: BodySinkOptions) {
    this.#disconnect = disconnect
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller
        },
        pull: onRoom,
        cancel: onGone,
      },
      { highWaterMark: maxBufferBytes, size: (bytes) => bytes.byteLength },
    )
  }

  write(frames: Frames): boolean {
    this.#controller?.enqueue(frames.bytes)
    return (this.#controller?.desiredSize ?? 0) > 0
  }

  end(frames: Frames): void {
    if (frames.text !== '') this.#controller?.enqueue(frames.bytes)
    this.#controller?.close()
  }

  cutOff(): void {
    this.#controller?.error(new Error('The viewer reads too slowly; it may resume by its cursor.'))
    this.#disconnect?.()
  }
}
