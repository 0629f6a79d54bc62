import type { ContentEvent } from '../protocol/job-event.js'
import { checkJsonObject } from './check-options.js'
import { InvalidOptionsError, kindOf, show } from './errors.js'
import { jsonCopy } from './json-copy.js'
import type { RunContext } from './run-context.js'

/**
 * The caller's function that generates. Its first statement runs after `register()` has resolved, and what it resolves to is
 * the job's value. An async generator's yields are events.
 */
export type Producer<T> = (run: RunContext) => Promise<T & NotIterable<T>> | AsyncGenerator<ProducerEvent, T, void>

/** A stream is no result: it would be kept, not read. */
export type NotIterable<T> = T extends AsyncIterable<unknown> | ReadableStream<unknown>
  ? { error: 'pass it to run.stream(source)' }
  : T

/** What a producer may emit; a string is a chunk of text. Data is checked to be JSON and copied. */
export type ProducerEvent =
  | string
  | { type: 'chunk'; content: string }
  | { type: 'step'; step: string }
  | { type: 'metadata'; data: object }
  | { type: 'data'; name: string; data: unknown }

/** A content event that is safe to keep. @throws {InvalidOptionsError} when it is none */
export function toContentEvent(event: ProducerEvent): ContentEvent {
  if (typeof event === 'string') return { type: 'chunk', content: event }
  switch (event?.type) {
    case 'chunk':
      return { type: 'chunk', content: checkText('chunk event content', event.content) }
    case 'step':
      return { type: 'step', step: checkText('step event step', event.step) }
    case 'metadata':
      return { type: 'metadata', data: checkJsonObject('metadata event data', event.data) }
    case 'data': {
      const data = jsonCopy(event.data)
      if (data === undefined) {
        throw new InvalidOptionsError(`data event data: expected a JSON value, got ${kindOf(event.data)}.`)
      }
      return { type: 'data', name: checkText('data event name', event.name), data }
    }
    default:
      throw new InvalidOptionsError(
        `emit: expected a string or an event of type chunk, step, metadata or data, got ${
          typeof event === 'object' && event !== null ? `type ${show(Reflect.get(event, 'type'))}` : kindOf(event)
        }.`,
      )
  }
}

function checkText(what: string, value: unknown): string {
  if (typeof value !== 'string') throw new InvalidOptionsError(`${what}: expected a string, got ${kindOf(value)}.`)
  return value
}
