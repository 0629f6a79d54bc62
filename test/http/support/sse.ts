import { createParser } from 'eventsource-parser'

/** One event as a client sees it. */
export interface Received {
  readonly id: number
  readonly data: { readonly type: string; readonly [field: string]: unknown }
}

export interface ReceivedStream {
  readonly events: Received[]
  readonly comments: string[]
  readonly retries: number[]
}

/** Everything of a stream, by the parser that the client uses. */
export function parseSse(text: string): ReceivedStream {
  const parsed: ReceivedStream = { events: [], comments: [], retries: [] }
  const parser = parserInto(parsed)
  parser.feed(text)
  return parsed
}

/** Reads a response to its end. */
export async function receiveAll(response: Response): Promise<ReceivedStream> {
  return parseSse(await response.text())
}

/** Reads a response until so many events are there, and leaves it open. */
export class OpenStream {
  readonly received: ReceivedStream = { events: [], comments: [], retries: [] }
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  readonly #parser = parserInto(this.received)
  readonly #decoder = new TextDecoder()
  /** Sizes of what was read at once. */
  readonly reads: number[] = []

  constructor(response: Response) {
    if (!response.body) throw new Error(`no body: ${response.status}`)
    this.#reader = response.body.getReader()
  }

  /** One read; `false` at the end. */
  async read(): Promise<boolean> {
    const { done, value } = await this.#reader.read()
    if (done) return false
    this.reads.push(value.byteLength)
    this.#parser.feed(this.#decoder.decode(value, { stream: true }))
    return true
  }

  async readUntil(isEnough: (received: ReceivedStream) => boolean): Promise<ReceivedStream> {
    while (!isEnough(this.received)) if (!(await this.read())) break
    return this.received
  }

  async readToEnd(): Promise<ReceivedStream> {
    while (await this.read());
    return this.received
  }

  close(): Promise<void> {
    return this.#reader.cancel()
  }
}

export function idsOf({ events }: ReceivedStream): number[] {
  return events.map(({ id }) => id)
}

export function textOf({ events }: ReceivedStream): string {
  return events.map(({ data }) => (data.type === 'chunk' ? String(data.content) : '')).join('')
}

/** 1, 2, 3, … */
export function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index)
}

function parserInto({ events, comments, retries }: ReceivedStream) {
  return createParser({
    onEvent: ({ id, data }) => events.push({ id: Number(id), data: JSON.parse(data) }),
    onComment: (comment) => comments.push(comment),
    onRetry: (retry) => retries.push(retry),
    onError: (error) => {
      throw error
    },
  })
}
