import { InvalidResultError } from './errors.js'
import { type Producer, type ProducerEvent, toContentEvent } from './producer.js'
import type { Run } from './run.js'
import { ProducerContext } from './run-context.js'
import type { ItemTaker } from './source-pump.js'

/** How a producer ended: with a value, or with what it threw. */
export type ProducerEnd<T> = { readonly value: T } | { readonly error: unknown }

/** Calls the producer and reports its end once. The yields of an async generator are events, its return value is the job's. */
export function callProducer<T>(run: Run<T>, producer: Producer<T>): void {
  const succeed = (value: unknown): void =>
    run.onProducerEnd(isStream(value) ? { error: streamAsResult() } : { value: value as T })
  const fail = (error: unknown): void => run.onProducerEnd({ error })
  let output: unknown
  try {
    output = producer(new ProducerContext(run as Run<unknown>))
  } catch (error) {
    fail(error)
    return
  }
  if (isGenerator(output)) {
    const taker: ItemTaker<ProducerEvent> = {
      take(event) {
        run.emit(toContentEvent(event))
        return run.congestion
      },
      result: (returned) => returned,
    }
    run.pump(output, taker).then(succeed, fail)
  } else if (isStream(output)) {
    fail(streamAsResult())
  } else {
    Promise.resolve(output).then(succeed, fail)
  }
}

function isGenerator(value: unknown): value is AsyncGenerator<ProducerEvent> {
  return isObject(value) && Symbol.asyncIterator in value && 'next' in value && typeof value.next === 'function'
}

function isStream(value: unknown): boolean {
  return (
    isObject(value) &&
    (Symbol.asyncIterator in value || ('getReader' in value && typeof value.getReader === 'function'))
  )
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function streamAsResult(): InvalidResultError {
  return new InvalidResultError(
    'The producer returned a stream as its result: expected a value; read the stream with `await run.stream(source)`.',
  )
}
