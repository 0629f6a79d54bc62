import { Redis } from 'ioredis'
import { createResumableStreamContext } from 'resumable-stream/ioredis'

export interface Resumable {
  /** Starts a stream; what comes out of it is read by `take`. */
  produce(id: string, source: AsyncIterable<string>): Promise<ReadableStream<string>>
  /** Another consumer on connections of its own. It gets everything from the beginning. */
  follow(id: string): Promise<ReadableStream<string>>
  close(): void
}

export function resumableStreams(port: number): Resumable {
  const connections: Redis[] = []
  const context = () => {
    const connection = () => {
      const redis = new Redis({ port })
      connections.push(redis)
      return redis
    }
    return createResumableStreamContext({ waitUntil: null, publisher: connection(), subscriber: connection() })
  }
  const [producer, follower] = [context(), context()]
  return {
    async produce(id, source) {
      const stream = await producer.createNewResumableStream(id, () => toStream(source))
      if (!stream) throw new Error('no stream')
      return stream
    },
    async follow(id) {
      const stream = await follower.resumeExistingStream(id)
      if (!stream) throw new Error('the stream is over')
      return stream
    },
    close() {
      for (const connection of connections) connection.disconnect()
    },
  }
}

/** Reads so many characters, then lets go. */
export async function take(stream: ReadableStream<string>, characters: number): Promise<void> {
  let left = characters
  for await (const text of stream as ReadableStream<string> & AsyncIterable<string>) {
    left -= text.length
    if (left <= 0) return
  }
  if (left > 0) throw new Error(`${left} characters are missing`)
}

function toStream(source: AsyncIterable<string>): ReadableStream<string> {
  const iterator = source[Symbol.asyncIterator]()
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await iterator.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
  })
}
