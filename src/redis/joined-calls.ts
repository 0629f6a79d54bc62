import { StoreError } from '../core/errors.js'
import { unknownVersion } from './job-fields.js'
import type { Answer, Argument, Reply, RunScript, Script } from './scripts/script.js'

/** Sends calls of one script, each as the number of its arguments, and they; answers a reply to each, in their order. */
export type SendCalls = (script: Script, calls: readonly string[]) => Promise<readonly Reply[]>

interface Call {
  resolve(answer: Answer): void
  reject(error: StoreError): void
}

/** Calls that are long are not joined further: the server would be busy with them for too long. */
const MAX_TEXT = 64 * 1024

/**
 * Runs scripts so that calls of one script that are made in the same tick go to the server together: a hundred jobs that begin or
 * end at once are a few commands instead of a hundred. A call alone is sent as soon as it would be otherwise; one that is never joined
 * at once, and before it what waits: the output of a job before its cancel.
 */
export function joinCalls(send: SendCalls): RunScript {
  const waiting = new Map<Script, Batch>()
  return (script, args) =>
    new Promise((resolve, reject) => {
      let batch = waiting.get(script)
      if (!batch) {
        const fresh = new Batch(script)
        batch = fresh
        waiting.set(script, fresh)
        queueMicrotask(() => flush(fresh))
      }
      batch.add(args, { resolve, reject })
      if (script.together === 1) flushAll()
      else if (batch.isFull) flush(batch)
    })

  /** In the order in which they were made. */
  function flushAll(): void {
    for (const batch of [...waiting.values()]) flush(batch)
  }

  function flush(batch: Batch): void {
    if (waiting.get(batch.script) !== batch) return // it was full before
    waiting.delete(batch.script)
    void batch.send(send)
  }
}

class Batch {
  readonly script: Script
  readonly #texts: string[] = []
  readonly #calls: Call[] = []
  #length = 0

  constructor(script: Script) {
    this.script = script
  }

  get isFull(): boolean {
    return this.#calls.length >= this.script.together || this.#length > MAX_TEXT
  }

  add(args: readonly Argument[], call: Call): void {
    this.#texts.push(String(args.length))
    for (const argument of args) {
      const text = argument === undefined ? '' : String(argument)
      this.#texts.push(text)
      this.#length += text.length
    }
    this.#calls.push(call)
  }

  async send(send: SendCalls): Promise<void> {
    const { operation } = this.script
    try {
      const replies = await send(this.script, this.#texts)
      for (const [index, call] of this.#calls.entries()) settle(call, operation, replies[index])
    } catch (cause) {
      for (const call of this.#calls) call.reject(new StoreError(operation, 'failed', { cause }))
    }
  }
}

function settle(call: Call, operation: Script['operation'], reply: Reply | undefined): void {
  const [answer, ...carried] = Array.isArray(reply) ? (reply as readonly Reply[]) : ['failed', 'no reply']
  if (answer === 'failed') {
    return call.reject(new StoreError(operation, 'failed', { cause: new Error(String(carried[0])) }))
  }
  if (answer === 'version') return call.reject(unknownVersion(operation, String(carried[0])))
  call.resolve({ answer: String(answer), carried })
}
