import { BodySink } from './body-sink.js'
import type { HandlerContext } from './options.js'
import type { Viewer } from './viewer.js'

/** In a context: the host writes streams itself, and is told of each. On a response: the stream to write. One key for both copies of this package. */
const STREAM = Symbol.for('generation-jobs.stream')

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}

type OnStream = (viewer: Viewer) => void

/**
 * The context of a host that looks for {@link streamOf} and gives it a sink. `onStream` is told of every stream that is opened in it: the
 * host ends it with the connection, whatever a handler around ours makes of the response.
 */
export function writingHost(context: HandlerContext, onStream: OnStream): HandlerContext {
  return { ...context, [STREAM]: onStream } as HandlerContext
}

export function writerOf(context: HandlerContext): OnStream | undefined {
  return Reflect.get(context, STREAM) as OnStream | undefined
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
  const onStream = writerOf(context)
  if (!onStream) return new Response(body(), { headers: HEADERS })
  onStream(viewer)
  return new LazyBodyResponse(viewer, body)
}

/** Makes its body when somebody asks for it: the platform's stream costs more than the rest of the answer (measured: 20 of 35 us). */
class LazyBodyResponse extends Response {
  [STREAM]: Viewer | undefined
  #whole: Response | undefined
  readonly #makeBody: () => ReadableStream<Uint8Array>

  constructor(viewer: Viewer, makeBody: () => ReadableStream<Uint8Array>) {
    super(null, { headers: HEADERS })
    this[STREAM] = viewer
    this.#makeBody = makeBody
  }

  override get body(): Response['body'] {
    return this.#withBody().body
  }

  override get bodyUsed(): boolean {
    return this.#whole?.bodyUsed ?? false
  }

  override clone(): Response {
    return new Response(this.#withBody().clone().body, this)
  }

  override text(): Promise<string> {
    return this.#withBody().text()
  }

  override arrayBuffer(): Promise<ArrayBuffer> {
    return this.#withBody().arrayBuffer()
  }

  #withBody(): Response {
    this[STREAM] = undefined
    this.#whole ??= new Response(this.#makeBody())
    return this.#whole
  }
}
