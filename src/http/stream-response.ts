import { BodySink } from './body-sink.js'
import type { HandlerContext } from './options.js'
import type { Viewer } from './viewer.js'

/** In a context: the host writes streams itself. On a response: the stream to write. One key for both copies of this package. */
const STREAM = Symbol.for('generation-jobs.stream')

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}

/** The context of a host that looks for {@link streamOf} and gives it a sink. */
export function writingHost(context: HandlerContext): HandlerContext {
  return { ...context, [STREAM]: true } as HandlerContext
}

export function isWritingHost(context: HandlerContext): boolean {
  return STREAM in context
}

/** The stream that this response stands for, unless somebody has asked for its body. */
export function streamOf(response: Response): Viewer | undefined {
  return Reflect.get(response, STREAM) as Viewer | undefined
}

/** The answer whose body is the stream of a viewer. */
export function streamResponse(viewer: Viewer, maxBufferBytes: number, context: HandlerContext): Response {
  const body = (): ReadableStream<Uint8Array> => {
    const { onRoom, onGone } = viewer
    const sink = new BodySink({ maxBufferBytes, disconnect: context.disconnect, onRoom, onGone })
    viewer.start(sink)
    return sink.body
  }
  return isWritingHost(context) ? new LazyBodyResponse(viewer, body) : new Response(body(), { headers: HEADERS })
}

/** Makes its body when somebody asks for it: the platform's stream costs more than the rest of the answer (measured: 20 of 35 us). */
class LazyBodyResponse extends Response {
  [STREAM]: Viewer | undefined
  #body: ReadableStream<Uint8Array> | undefined
  readonly #makeBody: () => ReadableStream<Uint8Array>

  constructor(viewer: Viewer, makeBody: () => ReadableStream<Uint8Array>) {
    super(null, { headers: HEADERS })
    this[STREAM] = viewer
    this.#makeBody = makeBody
  }

  override get body(): ReadableStream<Uint8Array<ArrayBuffer>> {
    this[STREAM] = undefined
    this.#body ??= this.#makeBody()
    return this.#body as ReadableStream<Uint8Array<ArrayBuffer>>
  }
}
