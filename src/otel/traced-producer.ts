import { type Context, context } from '@opentelemetry/api'
import type { Producer, ProducerEvent } from '../core/producer.js'
import type { RunContext } from '../core/run-context.js'

/** The same producer, whose own spans stand below the context of its run. */
export function tracedProducer<T>(producer: Producer<T>, runContext: () => Context): Producer<T> {
  const traced = (run: RunContext): ReturnType<Producer<T>> => {
    const active = runContext()
    const output = context.with(active, () => producer(run))
    return isGenerator<T>(output) ? tracedGenerator(output, active) : output
  }
  return traced as Producer<T>
}

function isGenerator<T>(output: ReturnType<Producer<T>>): output is AsyncGenerator<ProducerEvent, T, void> {
  return typeof output === 'object' && output !== null && Symbol.asyncIterator in output
}

/** A generator's body runs in the context of whoever calls `next()`. */
function tracedGenerator<T>(
  generator: AsyncGenerator<ProducerEvent, T, void>,
  active: Context,
): AsyncGenerator<ProducerEvent, T, void> {
  const inContext = <Args extends readonly unknown[], R>(call: (...args: Args) => R) => context.bind(active, call)
  return {
    next: inContext(() => generator.next()),
    return: inContext((value: T | PromiseLike<T>) => generator.return(value)),
    throw: inContext((error: unknown) => generator.throw(error)),
    [Symbol.asyncIterator]() {
      return this
    },
  } as AsyncGenerator<ProducerEvent, T, void>
}
