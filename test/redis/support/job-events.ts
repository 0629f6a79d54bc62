import fc from 'fast-check'
import type { JobEvent, JobEventBody } from '../../../src/protocol/job-event.js'

/** What the frames of a log are made of, and what encodings stumble over. */
const NASTY = [
  '',
  '0',
  '12',
  ',',
  ':',
  '5:',
  '3=',
  '2!',
  '@',
  '-1+',
  '"',
  '\\',
  '\n',
  '\r\n',
  '\u0000',
  '\ufeff',
  '\u2028',
]
const UNICODE = ['é', '日本', '🙂', '\ud83d', '\ude42', '\ufffd']

const text = fc
  .array(fc.oneof(fc.constantFrom(...NASTY, ...UNICODE), fc.string({ unit: 'binary' })), { maxLength: 4 })
  .map((parts) => parts.join(''))

const body: fc.Arbitrary<JobEventBody> = fc.oneof(
  { weight: 4, arbitrary: text.map((content) => ({ type: 'chunk', content }) as const) },
  text.map((step) => ({ type: 'step', step }) as const),
  fc.dictionary(text, text, { noNullPrototype: true }).map((data) => ({ type: 'metadata', data }) as const),
  text.map((name) => ({ type: 'data', name, data: [name, null, 0.5] }) as const),
)

/** Numbered events of any text, on a clock that is early, late, and set back. */
export function jobEvents(createdAt: number, count: fc.ArrayConstraints): fc.Arbitrary<JobEvent[]> {
  const at = fc.oneof(fc.constantFrom(0, 1, 2), fc.integer({ min: -100_000, max: 100_000_000 }))
  return fc
    .array(fc.tuple(at, body), count)
    .map((events) => events.map(([late, event], index) => ({ seq: index + 1, at: createdAt + late, ...event })))
}
