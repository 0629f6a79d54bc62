import type { Clock } from '../protocol/clock.js'
import { HttpError } from './http-error.js'

export interface BodyLimits {
  readonly maxBytes: number
  readonly timeoutMs: number
  readonly clock: Clock
}

/** The rest of a body that is too large is read, and thrown away, up to this many times the limit: only then the client reads the answer. */
const DRAIN_FACTOR = 8
/** After an answer that comes before the end of the body, the connection is of no use. */
const CLOSE = { headers: { connection: 'close' } }

/** Reads a JSON body of bounded size in bounded time. @throws {HttpError} 400 no JSON, 408 too slow, 413 too large */
export async function readJsonBody(request: Request, limits: BodyLimits): Promise<unknown> {
  // What a framework parsed before has no stream any more.
  const text = request.body ? await readText(request.body, limits) : await request.text()
  if (text.length > limits.maxBytes) throw new HttpError(413, 'request.too-large')
  try {
    return JSON.parse(text)
  } catch {
    throw new HttpError(400, 'options.invalid', { issues: [{ message: 'expected a JSON body' }] })
  }
}

function readText(body: ReadableStream<Uint8Array>, { maxBytes, timeoutMs, clock }: BodyLimits): Promise<string> {
  const collected = new CollectedText(maxBytes)
  return new Promise((resolve, reject) => {
    const clear = clock.setTimer(timeoutMs, () => {
      collected.giveUp()
      reject(collected.isTooLarge ? tooLarge() : new HttpError(408, 'request.timeout', CLOSE))
    })
    collected.readFrom(body).then(
      (text) => {
        clear()
        if (collected.isTooLarge) reject(tooLarge())
        else resolve(text)
      },
      () => {
        clear()
        reject(new HttpError(400, 'options.invalid', CLOSE)) // the client went away, nobody reads this
      },
    )
  })
}

function tooLarge(): HttpError {
  return new HttpError(413, 'request.too-large', CLOSE)
}

/** Text up to a limit; what is above it is read and forgotten. */
class CollectedText {
  readonly #maxBytes: number
  readonly #decoder = new TextDecoder()
  #bytes = 0
  #isGivenUp = false

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get isTooLarge(): boolean {
    return this.#bytes > this.#maxBytes
  }

  giveUp(): void {
    this.#isGivenUp = true
  }

  /** The stream is not cancelled when it is given up: that would tear down the connection before the answer is out. */
  async readFrom(body: ReadableStream<Uint8Array>): Promise<string> {
    const reader = body.getReader()
    let text = ''
    while (!this.#isGivenUp && this.#bytes <= this.#maxBytes * DRAIN_FACTOR) {
      const { done, value } = await reader.read()
      if (done) break
      this.#bytes += value.byteLength
      text = this.isTooLarge ? '' : text + this.#decoder.decode(value, { stream: true })
    }
    return text + this.#decoder.decode()
  }
}
