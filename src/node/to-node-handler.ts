import type { IncomingMessage, ServerResponse } from 'node:http'
import { type FetchAPI, normalizeNodeRequest, sendNodeResponse } from '@whatwg-node/server'
import type { GenerationHandler } from '../http/index.js'
import { streamOf, writingHost } from '../http/stream-response.js'
import type { Viewer } from '../http/viewer.js'
import { ResponseSink } from './response-sink.js'

/** A request listener of `node:http`; Express and Nest take it as middleware. */
export type NodeHandler = (req: IncomingMessage, res: ServerResponse) => Promise<void>

/**
 * Serves a fetch handler on `node:http`, Express or Nest. A body that `express.json()` has read and a mount prefix that the framework
 * took away do not matter; `authorize` and `start` get `native: { req, res }`. Built on `@whatwg-node/server`, an optional peer.
 */
export function toNodeHandler(handler: GenerationHandler): NodeHandler {
  return async (req, res) => {
    const request = toFetchRequest(req, res)
    const context = { native: { req, res }, disconnect: () => void res.destroy() }
    const response = request
      ? await handler(
          request,
          writingHost(context, ({ onGone }) => (res.closed ? onGone() : void res.once('close', onGone))),
        )
      : new Response(null, { status: 400 })
    const stream = streamOf(response)
    await (stream ? writeStream(stream, response, res) : sendNodeResponse(response, res, req, false))
  }
}

/** Resolves when the connection is closed or the response has ended. */
async function writeStream(stream: Viewer, { status, headers }: Response, res: ServerResponse): Promise<void> {
  if (res.closed) return
  res.socket?.setTimeout(0) // silence is no fault of a stream
  for (const [name, value] of headers) {
    if (name === 'set-cookie')
      res.appendHeader(name, value) // the only one that may stand there several times
    else res.setHeader(name, value)
  }
  res.writeHead(status)
  stream.start(new ResponseSink(res, stream.onRoom))
  if (!res.closed) await new Promise((resolve) => res.once('close', resolve))
}

/**
 * The platform's own class, so that `request instanceof Request` holds in `authorize` and `start`; with its signal beside it, because
 * one made with a signal follows it by a weak reference and a finalizer (measured: four fifths of the cost of a request).
 */
class NodeRequest extends Request {
  readonly #signal: AbortSignal

  constructor(url: string, { signal, ...init }: RequestInit & { signal: AbortSignal }) {
    super(url, init)
    this.#signal = signal
  }

  override get signal(): AbortSignal {
    return this.#signal
  }

  override clone(): Request {
    return new Request(super.clone(), { signal: this.#signal })
  }
}

const platform = { URL, Request: NodeRequest } as unknown as FetchAPI

/** Undefined when no URL can be made of the request, because of its Host header, or its method is not for a fetch handler. */
function toFetchRequest(req: IncomingMessage, res: ServerResponse): Request | undefined {
  try {
    return normalizeNodeRequest(withReadBody(req), platform, res)
  } catch {
    return undefined
  }
}

/** The bridge takes an empty object or list that a parser has read for a body that is still to come; a text it takes as it is. */
function withReadBody(req: IncomingMessage & { readonly body?: unknown }): IncomingMessage {
  const { body, readableDidRead } = req
  const isTakenAsUnread = body === undefined || body === null || Object.keys(body).length === 0
  if (!readableDidRead || !isTakenAsUnread) return req
  return Object.create(req, { body: { value: JSON.stringify(body) ?? ' ' } })
}
