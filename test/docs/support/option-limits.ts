import { createVirtualClock } from 'generation-jobs/testing'

const LONGEST = 2_147_483_647
/** One less than the longest, which some options must stay below. */
const LONG = LONGEST - 1
const NO_NUMBER = [Number.NaN, '1', null, {}, -1]
const NO_TIME = [...NO_NUMBER, LONGEST + 1, Number.POSITIVE_INFINITY]

interface Probe {
  readonly accepts: readonly unknown[]
  readonly refuses: readonly unknown[]
}

/** What the words in the column "limits" promise, as values to try. */
const LIMITS: Readonly<Record<string, Probe>> = {
  '> 0': { accepts: [0.5, 1, LONG], refuses: [0, false, ...NO_TIME] },
  '> 0 or `false`': { accepts: [0.5, LONG, false], refuses: [0, true, ...NO_TIME] },
  '≥ 0': { accepts: [0, 0.5, LONG], refuses: [false, ...NO_TIME] },
  'number > 0': { accepts: [0.5, LONG], refuses: [0, Number.NaN, '1', -1] },
  'whole, ≥ 1': { accepts: [1, LONG, Number.POSITIVE_INFINITY], refuses: [0, 1.5, ...NO_NUMBER] },
  'whole, ≥ 0': { accepts: [0, 1, Number.POSITIVE_INFINITY], refuses: [1.5, ...NO_NUMBER] },
  'whole, ≥ 0, finite': { accepts: [0, 1], refuses: [1.5, Number.POSITIVE_INFINITY, ...NO_NUMBER] },
  name: { accepts: ['a', 'é '.repeat(128)], refuses: ['', 'a'.repeat(257), 'a\nb', 'a\u0000', 1, null] },
  'at most 2_000 characters': { accepts: ['', 'a'.repeat(2_000)], refuses: ['a'.repeat(2_001), 1] },
  boolean: { accepts: [true, false], refuses: ['true', 1, null] },
  function: { accepts: [() => undefined], refuses: [{}, 'f', null] },
  'JSON object': { accepts: [{}, { a: [1, null] }], refuses: [[], 'a', null, new Date(), { a: () => undefined }] },
  '`AbortSignal`': { accepts: [new AbortController().signal], refuses: [{}, new AbortController(), null] },
  '`Clock`': { accepts: [createVirtualClock()], refuses: [{}, Date, null] },
  '`JobStore`': { accepts: [], refuses: [{}, 'redis', null] },
  '`Logger` or `false`': { accepts: [console, false], refuses: [true, {}, { info() {} }, null] },
}

/** @throws {Error} for words that have no meaning here */
export function probesOf(limits: string): Probe {
  const known = LIMITS[limits]
  if (known) return known
  const literals = [...limits.matchAll(/`'([^']+)'`/g)].map(([, value]) => value)
  if (literals.length === 0) throw new Error(`no probes for the limits ${JSON.stringify(limits)}`)
  return { accepts: literals, refuses: ['other', '', true, null] }
}
